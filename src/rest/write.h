/* write: elements that answers of several categories hold (section 3 of the
 * resources of the REST API). */
#ifndef EASEL_REST_WRITE_H
#define EASEL_REST_WRITE_H

struct call;
struct el;
struct job;
struct site;
struct user;

enum user_parts {
    USER_LISTED, /* in lists */
    USER_WHOLE   /* where one user is asked for or was added: with the domain */
};

/* Attributes (and domain) of a user element. */
void write_user(struct el *el, const struct user *user, enum user_parts parts);

/* A job element, as Query Job shows it. */
void write_job(struct el *el, const struct job *job);

#endif
