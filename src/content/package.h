/* package: a zip archive that holds a document and what belongs to it.
 *
 * Everything that could hurt a reader is refused when it is opened: names that
 * lead out of a folder, names that occur twice, links, encrypted entries, sizes
 * and ratios beyond the limits, and directories that do not fit the file. What
 * an entry then holds is counted against its stated size as it is unpacked.
 *
 * Nothing is unpacked to disk. The file is read by pread alone, so that several
 * may read one descriptor; a package itself belongs to one thread at a time. */
#ifndef EASEL_CONTENT_PACKAGE_H
#define EASEL_CONTENT_PACKAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "base/fault.h"
#include "content/content.h"

struct package;
struct package_stream;

struct package_entry {
    const char *name; /* relative, with '/' */
    uint64_t size, packed;
    uint32_t crc;
    uint16_t method; /* 0 stored, 8 deflated: no others are accepted */
    time_t modified;
    bool folder;
};

/* Closed with the arena. The descriptor must stay open until then. */
enum err package_open(struct arena *arena, int fd, const struct content_limits *limits,
                      struct package **package_r, struct fault *fault);
size_t package_count(const struct package *package);
const struct package_entry *package_entry(const struct package *package, size_t index);

/* The main document of a package of that kind: the first entry named .twb or .tds,
 * in any folder; of a flow the one named "flow". False: there is none. */
bool package_find_main(const struct package *package, enum content_kind kind, size_t *index_r);
/* True for what holds an extract: an entry named .hyper or .tde. */
bool package_is_extract(const struct package_entry *entry);

/* Reads an entry from its start: unpacked and checked against its checksum, or
 * raw, as it is packed. Several may be open at a time. */
enum err package_stream_open(struct package *package, size_t index, bool raw,
                             struct package_stream **stream_r, struct fault *fault);
/* Bytes read, 0 at the end; -1: refused, and *fault says why. */
ptrdiff_t package_stream_read(struct package_stream *stream, void *out, size_t room,
                              struct fault *fault);
void package_stream_close(struct package_stream **stream);

#endif
