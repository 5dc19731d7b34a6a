/* write_content.c: see write_content.h. */
#include "rest/write_content.h"

#include <string.h>

#include "domain/connection.h"
#include "domain/content_item.h"
#include "domain/favorite.h"
#include "domain/flow_step.h"
#include "domain/freshness.h"
#include "domain/view.h"
#include "rest/call.h"

/* ---- what fields= can ask for */

static const struct field_names TAG_NAMES = {.element = "tag", .usual = "label", .others = ""};
static const struct field_names TAGS_NAMES = {
    .element = "tags", .usual = "tag", .others = "", .children = FIELD_CHILDREN(&TAG_NAMES)};
static const struct field_names LOCATION_NAMES = {
    .element = "location", .usual = "id;type;name", .others = ""};
/* The last three are known, and shown by nothing yet. */
static const struct field_names ACCELERATION_NAMES = {
    .element = "dataAccelerationConfig",
    .usual = "accelerationEnabled;accelerateNow;accelerationStatus;lastUpdatedAt",
    .others = ""};
static const struct field_names FRESH_EVERY_NAMES = {
    .element = "freshEverySchedule", .usual = "frequency;value", .others = ""};
static const struct field_names FRESH_AT_NAMES = {.element = "freshAtSchedule",
                                                  .usual = "frequency;time;timezone;intervals",
                                                  .others = "",
                                                  .required = "frequency;time;intervals"};
static const struct field_names FRESHNESS_NAMES = {
    .element = "dataFreshnessPolicy",
    .usual = "option;freshEverySchedule;freshAtSchedule",
    .others = "",
    .children = FIELD_CHILDREN(&FRESH_EVERY_NAMES, &FRESH_AT_NAMES)};

/* Workbooks, data sources and flows tell the names of what they are in and whose they are,
 * views their ids alone. */
static const struct field_names PROJECT_NAMES = {
    .element = "project", .usual = "id;name", .others = "description"};
static const struct field_names VIEW_PROJECT_NAMES = {
    .element = "project", .usual = "id", .others = "name;description"};
static const struct field_names NAMED_OWNER_NAMES = {
    .element = "owner", .usual = "id;name", .others = "fullName;email;siteRole;lastLogin"};
const struct field_names owner_names = {
    .element = "owner", .usual = "id", .others = "name;fullName;email;siteRole;lastLogin"};

const struct field_names workbook_names = {
    .element = "workbook",
    .usual = "id;name;description;contentUrl;webpageUrl;showTabs;size;createdAt;updatedAt;"
             "defaultViewId;project;owner;tags",
    /* The last three are known, and shown by nothing yet. */
    .others = "encryptExtracts;sheetCount;hasExtracts;lastPublishedAt;shareDescription;location;"
              "dataAccelerationConfig;dataFreshnessPolicy;primaryContentUrl;recentlyViewed;"
              "favoritesTotal",
    .children = FIELD_CHILDREN(&PROJECT_NAMES, &LOCATION_NAMES, &NAMED_OWNER_NAMES, &TAGS_NAMES,
                               &ACCELERATION_NAMES, &FRESHNESS_NAMES)};

const struct field_names datasource_names = {
    .element = "datasource",
    .usual = "id;name;description;contentUrl;webpageUrl;type;size;createdAt;updatedAt;"
             "encryptExtracts;hasExtracts;isCertified;certificationNote;useRemoteQueryAgent;"
             "project;owner;tags",
    .others = "isPublished;connectedWorkbooksCount;serverName;databaseName;hasAlert;"
              "favoritesTotal",
    .children = FIELD_CHILDREN(&PROJECT_NAMES, &NAMED_OWNER_NAMES, &TAGS_NAMES)};

const struct field_names flow_names = {
    .element = "flow",
    .usual = "id;name;description;webpageUrl;fileType;createdAt;updatedAt;project;owner;tags",
    .others = "",
    .children = FIELD_CHILDREN(&PROJECT_NAMES, &NAMED_OWNER_NAMES, &TAGS_NAMES)};

static const struct field_names VIEW_WORKBOOK_NAMES = {
    .element = "workbook",
    .usual = "id",
    .others = "name;description;contentUrl;showTabs;size;createdAt;updatedAt;sheetCount;"
              "hasExtracts;tags",
    .children = FIELD_CHILDREN(&TAGS_NAMES)};
static const struct field_names USAGE_NAMES = {
    .element = "usage", .usual = "totalViewCount", .others = ""};

const struct field_names view_names = {
    .element = "view",
    .usual = "id;name;contentUrl;createdAt;updatedAt;viewUrlName;workbook;owner;project;tags",
    /* The last two are known, and shown by nothing yet. */
    .others = "sheetType;hidden;usage;location;favoritesTotal;recentlyViewed;"
              "dataAccelerationConfig",
    .children = FIELD_CHILDREN(&VIEW_WORKBOOK_NAMES, &owner_names, &VIEW_PROJECT_NAMES, &TAGS_NAMES,
                               &USAGE_NAMES, &LOCATION_NAMES, &ACCELERATION_NAMES)};

/* ---- what several hold */

/* Clients see sizes in megabytes, rounded up. */
static void write_size(struct el *el, const struct content_item *item)
{
    doc_attr_count(el, "size", (item->size_bytes + (1 << 20) - 1) >> 20);
}

/* A flag whose attribute the schema calls a string. */
static void write_switch(struct el *el, const char *name, bool value)
{
    doc_attr(el, name, value ? "true" : "false");
}

static const char *unless_empty(const char *text)
{
    return text && *text ? text : NULL;
}

/* The page of an item in a browser: /#/workbooks/1, on a site of its own name
 * /#/site/samples/workbooks/1. */
static void write_page(struct call *call, struct el *el, const char *kind,
                       const struct content_item *item, const char *tail)
{
    const char *site = call->actor->site_content_url;
    doc_attr(el, "webpageUrl",
             arena_printf(call->tx.arena, "%s/#/%s%s%s%s/%lld%s", call_origin(call),
                          *site ? "site/" : "", site, *site ? "/" : "", kind,
                          (long long)item->serial, tail));
}

void write_tags(struct el *el, const char *const *labels, size_t count)
{
    struct el *tags = doc_child(el, "tags");
    for (size_t i = 0; i < count; i++)
        doc_attr(doc_item(tags, "tag"), "label", labels[i]);
}

static void write_times(struct el *el, int64_t created_at, int64_t updated_at)
{
    doc_attr_time(el, "createdAt", created_at);
    doc_attr_time(el, "updatedAt", updated_at);
}

static void write_project_of(struct el *el, const struct content_item *item, bool every)
{
    struct el *project = doc_child(el, "project");
    doc_attr(project, "id", item->project_id);
    doc_attr(project, "name", item->project_name);
    if (every)
        doc_attr(project, "description", item->project_description);
}

static void write_location(struct el *el, const struct content_item *item)
{
    struct el *location = doc_child(el, "location");
    doc_attr(location, "id", item->project_id);
    doc_attr(location, "type", "Project");
    doc_attr(location, "name", item->project_name);
}

static void write_owner(struct el *el, const struct content_item *item, bool every)
{
    struct el *owner = doc_child(el, "owner");
    doc_attr(owner, "id", item->owner_id);
    doc_attr(owner, "name", item->owner_name);
    if (!every)
        return;
    doc_attr(owner, "fullName", item->owner_full_name ? item->owner_full_name : item->owner_name);
    doc_attr(owner, "email", item->owner_email);
    doc_attr(owner, "siteRole", item->owner_role);
    if (item->owner_last_login_at)
        doc_attr_time(owner, "lastLogin", item->owner_last_login_at);
}

/* As an attribute; the schema has none for workbooks. */
static enum err write_favorites_total(struct call *call, struct el *el, enum content_type type,
                                      const char *id)
{
    int64_t count;
    enum err err = favorites_of(&call->tx, type, id, &count);
    if (!err)
        doc_attr_count(el, "favoritesTotal", count);
    return err;
}

/* ---- workbooks */

/* There is no accelerator here: nothing is ever accelerated. */
static struct el *write_acceleration(struct el *el)
{
    struct el *config = doc_child(el, "dataAccelerationConfig");
    doc_attr_bool(config, "accelerationEnabled", false);
    return config;
}

static enum err write_views(struct call *call, struct el *el, const struct content_item *workbook,
                            bool accelerated)
{
    struct view *views;
    size_t count;
    enum err err = view_list_of_workbook(&call->tx, call->actor, workbook->id, &views, &count);
    if (err)
        return err;
    struct el *wrapper = doc_child(el, "views");
    for (size_t i = 0; i < count; i++) {
        struct el *view = doc_item(wrapper, "view");
        write_view(view, &views[i], VIEW_IN_WORKBOOK);
        if (accelerated)
            doc_attr(write_acceleration(view), "accelerationStatus", "Off");
    }
    return E_OK;
}

static void write_fresh_at(struct call *call, struct el *policy, const struct freshness *freshness)
{
    const char **days;
    bool of_week;
    struct el *at = doc_child(policy, "freshAtSchedule");
    doc_attr(at, "frequency", freshness->frequency);
    doc_attr(at, "time", freshness->time);
    doc_attr(at, "timezone", freshness->time_zone);
    struct el *intervals = doc_child(at, "intervals");
    size_t count = freshness_days(&call->tx, freshness, &days, &of_week);
    for (size_t i = 0; i < count; i++)
        doc_attr(doc_item(intervals, "interval"), of_week ? "weekDay" : "monthDay", days[i]);
}

static enum err write_freshness(struct call *call, struct el *el,
                                const struct content_item *workbook)
{
    struct freshness freshness;
    enum err err = freshness_get(&call->tx, workbook->id, &freshness);
    if (err)
        return err;
    struct el *policy = doc_child(el, "dataFreshnessPolicy");
    doc_attr(policy, "option", freshness_option(&freshness));
    if (freshness.policy == FRESH_EVERY) {
        struct el *every = doc_child(policy, "freshEverySchedule");
        doc_attr(every, "frequency", freshness.frequency);
        doc_attr_count(every, "value", freshness.value);
    }
    if (freshness.policy == FRESH_AT)
        write_fresh_at(call, policy, &freshness);
    return E_OK;
}

enum err write_workbook(struct call *call, struct el *el, const struct content_item *workbook,
                        enum item_parts parts)
{
    doc_attr(el, "id", workbook->id);
    doc_attr(el, "name", workbook->name);
    doc_attr(el, "description", unless_empty(workbook->description));
    doc_attr(el, "contentUrl", workbook->content_url);
    write_page(call, el, "workbooks", workbook, "/views");
    write_switch(el, "showTabs", workbook->show_tabs);
    write_size(el, workbook);
    write_times(el, workbook->created_at, workbook->updated_at);
    if (call->version >= VERSION(3, 8))
        doc_attr(el, "defaultViewId", workbook->default_view_id);
    if (parts != ITEM_LISTED)
        write_switch(el, "encryptExtracts", workbook->encrypts_extracts);
    if (parts == ITEM_EVERY) {
        doc_attr_count(el, "sheetCount", workbook->sheet_count);
        doc_attr_bool(el, "hasExtracts", workbook->has_extracts);
        doc_attr_time(el, "lastPublishedAt", workbook->published_at);
        doc_attr(el, "shareDescription", workbook->name);
    }
    write_project_of(el, workbook, parts == ITEM_EVERY);
    if (parts != ITEM_LISTED)
        write_location(el, workbook);
    write_owner(el, workbook, parts == ITEM_EVERY);
    write_tags(el, workbook->tags.labels, workbook->tags.count);
    bool accelerated = parts == ITEM_CHANGED_ACCELERATED;
    enum err err =
        parts == ITEM_WHOLE || accelerated ? write_views(call, el, workbook, accelerated) : E_OK;
    if (parts != ITEM_LISTED)
        write_acceleration(el);
    return err || parts == ITEM_LISTED ? err : write_freshness(call, el, workbook);
}

/* ---- data sources */

enum err write_datasource(struct call *call, struct el *el, const struct content_item *datasource,
                          enum item_parts parts)
{
    doc_attr(el, "id", datasource->id);
    doc_attr(el, "name", datasource->name);
    doc_attr(el, "description", unless_empty(datasource->description));
    doc_attr(el, "contentUrl", datasource->content_url);
    write_page(call, el, "datasources", datasource, "");
    doc_attr(el, "type", datasource->data_type);
    write_size(el, datasource);
    write_times(el, datasource->created_at, datasource->updated_at);
    write_switch(el, "encryptExtracts", datasource->encrypts_extracts);
    doc_attr_bool(el, "hasExtracts", datasource->has_extracts);
    doc_attr_bool(el, "isCertified", datasource->is_certified);
    doc_attr(el, "certificationNote", unless_empty(datasource->certification_note));
    doc_attr_bool(el, "useRemoteQueryAgent", datasource->uses_remote_query_agent);
    if (parts == ITEM_EVERY) {
        struct datasource_more more;
        enum err err = datasource_more(&call->tx, datasource, &more);
        if (!err)
            err = write_favorites_total(call, el, TYPE_DATASOURCE, datasource->id);
        if (err)
            return err;
        doc_attr_bool(el, "hasAlert", false); /* nothing has alerts here */
        doc_attr_bool(el, "isPublished", true);
        doc_attr_count(el, "connectedWorkbooksCount", more.workbook_count);
        doc_attr(el, "serverName", unless_empty(more.server_name));
        doc_attr(el, "databaseName", unless_empty(more.database_name));
    }
    write_project_of(el, datasource, parts == ITEM_EVERY);
    write_owner(el, datasource, parts == ITEM_EVERY);
    write_tags(el, datasource->tags.labels, datasource->tags.count);
    return E_OK;
}

/* ---- flows */

enum err write_flow(struct call *call, struct el *el, const struct content_item *flow,
                    enum item_parts parts)
{
    doc_attr(el, "id", flow->id);
    doc_attr(el, "name", flow->name);
    doc_attr(el, "description", flow->description ? flow->description : "");
    write_page(call, el, "flows", flow, "");
    doc_attr(el, "fileType", flow->file_type);
    write_times(el, flow->created_at, flow->updated_at);
    write_project_of(el, flow, parts == ITEM_EVERY);
    write_owner(el, flow, parts == ITEM_EVERY);
    write_tags(el, flow->tags.labels, flow->tags.count);
    return E_OK;
}

void write_flow_steps(struct el *out, const struct flow_step *steps, size_t count)
{
    struct el *wrapper = doc_child(out, "flowOutputSteps");
    for (size_t i = 0; i < count; i++) {
        struct el *step = doc_item(wrapper, "flowOutputStep");
        doc_attr(step, "id", steps[i].id);
        doc_attr(step, "name", steps[i].name);
    }
}

/* ---- views */

static void write_workbook_of(struct el *el, const struct view *view, bool every)
{
    struct el *workbook = doc_child(el, "workbook");
    doc_attr(workbook, "id", view->workbook_id);
    if (!every)
        return;
    struct content_item item = {.size_bytes = view->workbook_size_bytes};
    doc_attr(workbook, "name", view->workbook_name);
    doc_attr(workbook, "description", unless_empty(view->workbook_description));
    doc_attr(workbook, "contentUrl", view->workbook_content_url);
    write_switch(workbook, "showTabs", view->show_tabs);
    write_size(workbook, &item);
    write_times(workbook, view->workbook_created_at, view->workbook_updated_at);
    doc_attr_count(workbook, "sheetCount", view->workbook_sheet_count);
    doc_attr_bool(workbook, "hasExtracts", view->workbook_has_extracts);
    write_tags(workbook, NULL, 0);
}

static void write_place(struct el *el, const struct view *view, bool every)
{
    struct content_item item = {.owner_id = view->owner_id,
                                .owner_name = every ? view->owner_name : NULL,
                                .owner_full_name = view->owner_full_name,
                                .owner_email = view->owner_email,
                                .owner_role = view->owner_role,
                                .owner_last_login_at = view->owner_last_login_at,
                                .project_id = view->project_id,
                                .project_name = every ? view->project_name : NULL,
                                .project_description = view->project_description};
    write_workbook_of(el, view, every);
    write_owner(el, &item, every);
    write_project_of(el, &item, every);
}

void write_view_usage(struct el *el, const struct view *view)
{
    doc_attr_count(doc_child(el, "usage"), "totalViewCount", view->hits);
}

void write_view(struct el *el, const struct view *view, enum view_parts parts)
{
    doc_attr(el, "id", view->id);
    doc_attr(el, "name", view->name);
    doc_attr(el, "contentUrl", view->content_url);
    write_times(el, view->created_at, view->updated_at);
    doc_attr(el, "viewUrlName", view->view_url_name);
    if (parts == VIEW_WHOLE || parts == VIEW_EVERY)
        doc_attr(el, "sheetType", view->sheet_type);
    if (parts == VIEW_EVERY) {
        doc_attr_bool(el, "hidden", view->hidden);
    }
    if (parts != VIEW_IN_WORKBOOK)
        write_place(el, view, parts == VIEW_EVERY);
    write_tags(el, view->tags.labels, view->tags.count);
    if (parts != VIEW_EVERY)
        return;
    write_view_usage(el, view);
    struct el *location = doc_child(el, "location");
    doc_attr(location, "id", view->project_id);
    doc_attr(location, "type", "Project");
}

enum err write_view_every(struct call *call, struct el *el, const struct view *view)
{
    write_view(el, view, VIEW_EVERY);
    return write_favorites_total(call, el, TYPE_VIEW, view->id);
}

/* ---- connections */

/* The schema takes whole numbers alone. */
static bool is_port(const char *text)
{
    return *text && strlen(text) <= 5 && strspn(text, "0123456789") == strlen(text);
}

void write_connection(struct el *el, const struct connection *connection)
{
    doc_attr(el, "id", connection->id);
    doc_attr(el, "type", connection->type);
    doc_attr(el, "serverAddress", connection->server_address);
    if (is_port(connection->server_port))
        doc_attr(el, "serverPort", connection->server_port);
    doc_attr(el, "userName", connection->user_name);
    doc_attr_bool(el, "embedPassword", connection->embeds_password);
    doc_attr_bool(el, "queryTaggingEnabled", connection->query_tagging);
    doc_attr(el, "authenticationType", unless_empty(connection->authentication_type));
    doc_attr(el, "filename", unless_empty(connection->filename));
    if (!connection->datasource_name)
        return;
    struct el *datasource = doc_child(el, "datasource");
    doc_attr(datasource, "id", connection->datasource_id);
    doc_attr(datasource, "name", connection->datasource_name);
}
