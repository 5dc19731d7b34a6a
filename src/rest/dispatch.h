/* dispatch: the steps of dispatch.c that stand in files of their own; for those alone. */
#ifndef EASEL_REST_DISPATCH_H
#define EASEL_REST_DISPATCH_H

#include <stdbool.h>

#include "base/fault.h"

struct call;

/* gate.c: session, caller and actor of the call; E401000, E401002, what the method has for
 * a role. Nothing for methods that anyone may call. */
enum err gate_check(struct call *call);
/* body.c: the document or the parts of the call. */
enum err body_read(struct call *call);
/* answer.c: true where the answer was kept for the caller, and is sent. */
bool answer_kept(struct call *call);
/* Sign-ins, and calls refused for who or what the caller is, go on record, once.
 * ride_follows: the recorder writes in the transaction that is under way. */
void answer_record(struct call *call, bool ride_follows);

#endif
