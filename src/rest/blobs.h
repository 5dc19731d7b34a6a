/* blobs: bytes of requests into the store, and out of it into answers. All of it may
 * wait for a disk or a network: on LANE_BLOCKING alone.
 *
 * What a call stored here is discarded where the call is refused or fails, in whichever
 * step: nothing of it stays (domain/blob_sweep.h). */
#ifndef EASEL_REST_BLOBS_H
#define EASEL_REST_BLOBS_H

#include "rest/call.h"
#include "store/blob.h"

struct upload;

/* Stores a part of the request's body. E500000, or E403008 where the disk is full. */
enum err blob_of_part(struct call *call, const struct part *part, struct blob *blob_r);
/* The pieces of an upload (upload_pieces), one after the other, as one. E404015 where it
 * ended meanwhile. */
enum err blob_of_pieces(struct call *call, const struct upload *upload, const struct blob *pieces,
                        size_t count, struct blob *blob_r);
/* A blob that the call had stored otherwise: as if by the above. */
void blob_stored(struct call *call, const struct blob *blob);
/* One that no row names any more, and nobody wants, once the call has succeeded. Any lane. */
void blob_spent(struct call *call, const struct blob *blob);
/* In the transaction that publishes it: the upload ends, and its pieces are spent. E404015
 * where it has ended already. */
enum err blob_upload_end(struct call *call, const struct upload *upload);
/* For who will name a blob by a row: the first thing in the transaction that does. Refuses
 * (E500000) a blob that the sweeper may have taken by now (domain/blob_sweep.h), which
 * happens to nothing that was stored, or renewed, lately. */
enum err blob_to_name(struct call *call, const struct blob *blob);
/* The same of what was published by an upload (NULL: by none). E404015 where that ended. */
enum err upload_to_name(struct call *call, const struct upload *upload, const struct blob *blob);
struct repack;
/* What comes out of a stream. It stays, whatever becomes of the call. */
enum err blob_of_stream(struct call *call, struct repack *repack, struct blob *blob_r);
/* Opens a blob for as long as the call lasts. */
enum err blob_for_call(struct call *call, const char *id, struct blob_file *file_r);
/* The same for a piece of an upload. E404015 where that ended meanwhile. */
enum err piece_for_call(struct call *call, const struct upload *upload, const struct blob *piece,
                        struct blob_file *file_r);

/* A part of the request's body, or the pieces of an upload one after the other, in a file
 * without a name, from its start on, for as long as the call lasts. E403008 where there is no
 * room, E404015 as above. */
enum err file_of_part(struct call *call, const struct part *part, int *fd_r);
enum err file_of_pieces(struct call *call, const struct upload *upload, const struct blob *pieces,
                        size_t count, int *fd_r);

/* Answers a GET with a blob, or the part of it that the request asks for; the file is
 * offered under that name, as the part `part_name` of clients. 304 where the caller has
 * it already (If-None-Match), before any range is looked at. Ends the call. */
enum err reply_blob(struct call *call, const char *blob_id, const char *file_name,
                    const char *part_name, const char *type);

#endif
