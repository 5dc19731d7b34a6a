/* blobs: bytes of requests into the store, and out of it into answers. All of it may
 * wait for a disk or a network: on LANE_BLOCKING alone. */
#ifndef EASEL_REST_BLOBS_H
#define EASEL_REST_BLOBS_H

#include "rest/call.h"
#include "store/blob.h"

/* Stores a part of the request's body. E500000, or E403008 where the disk is full. */
enum err blob_of_part(struct call *call, const struct part *part, struct blob *blob_r);
/* The bytes of several blobs, one after the other, as one. */
enum err blob_of_pieces(struct call *call, const char *const *ids, size_t count,
                        struct blob *blob_r);
/* For who will name a blob by a row: the first thing in the transaction that does. Refuses
 * (E500000) a blob that the sweeper may have taken by now (domain/blob_sweep.h), which
 * happens to nothing that was stored, or renewed, lately. */
enum err blob_to_name(struct call *call, const struct blob *blob);
struct repack;
/* What comes out of a stream. */
enum err blob_of_stream(struct call *call, struct repack *repack, struct blob *blob_r);
/* Opens a blob for as long as the call lasts. */
enum err blob_for_call(struct call *call, const char *id, struct blob_file *file_r);

/* A part of the request's body, or several blobs one after the other, in a file without a
 * name, from its start on, for as long as the call lasts. E403008 where there is no room. */
enum err file_of_part(struct call *call, const struct part *part, int *fd_r);
enum err file_of_pieces(struct call *call, const char *const *ids, size_t count, int *fd_r);

/* Answers a GET with a blob, or the part of it that the request asks for; the file is
 * offered under that name, as the part `part_name` of clients. 304 where the caller has
 * it already (If-None-Match), before any range is looked at. Ends the call. */
enum err reply_blob(struct call *call, const char *blob_id, const char *file_name,
                    const char *part_name, const char *type);

#endif
