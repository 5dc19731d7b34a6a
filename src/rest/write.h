/* write: elements that answers of several categories hold (section 3 of the
 * resources of the REST API). */
#ifndef EASEL_REST_WRITE_H
#define EASEL_REST_WRITE_H

#include "base/fault.h"
#include "rest/fields.h"

struct call;
struct el;
struct job;
struct project;
struct site;
struct user;

enum user_parts {
    USER_LISTED, /* in lists */
    USER_WHOLE   /* where one user is asked for or was added: with the domain */
};

/* Attributes (and domain) of a user element. */
void write_user(struct el *el, const struct user *user, enum user_parts parts);

/* Of the domain of a user or group. */
extern const struct field_names domain_names;

enum project_parts {
    PROJECT_LISTED, /* in lists, and where one was made or changed */
    PROJECT_EVERY   /* in lists, all that fields= can ask for: that alone can fail */
};
enum err write_project(struct call *call, struct el *el, const struct project *project,
                       enum project_parts parts);
extern const struct field_names project_names;

/* A job element, as Query Job shows it. */
void write_job(struct el *el, const struct job *job);

#endif
