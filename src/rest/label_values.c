/* label_values.c: the label values and label categories of a site. */
#include "domain/label_value.h"

#include "rest/call.h"
#include "rest/call_labels.h"
#include "rest/handlers.h"

static const char VALUE_NAME[] = "label-value-name", CATEGORY_NAME[] = "label-category-name";

/* ---- values */

/* Internal are the values that monitoring sets, of which there are none yet. */
static void write_value(const struct call *call, struct el *el, const struct label_value *value)
{
    doc_attr(el, "name", value->name);
    doc_attr(el, "category", value->category);
    doc_attr(el, "description", value->description);
    doc_attr_bool(el, "internal", false);
    doc_attr_bool(el, "elevatedDefault", value->elevated_default);
    doc_attr_bool(el, "builtIn", value->built_in != NULL);
    doc_attr(doc_child(el, "site"), "id", call->session->site_id);
}

static enum err read_value(struct call *call, struct label_value_change *change)
{
    const struct el *el;
    bool present, flag;
    enum err err = call_element(call, "labelValue", &el);
    if (err)
        return err;
    *change = (struct label_value_change){.name = doc_get(el, "name"),
                                          .category = doc_get(el, "category"),
                                          .description = doc_get(el, "description"),
                                          .elevated_default = -1};
    if (!doc_get_bool(el, "internal", &present, &flag))
        return tx_refuse(&call->tx, E400000, "internal is neither true nor false.");
    if (present && flag)
        return tx_refuse(&call->tx, E400000, "Internal label values are made by the server alone.");
    if (!doc_get_bool(el, "elevatedDefault", &present, &flag))
        return tx_refuse(&call->tx, E400000, "elevatedDefault is neither true nor false.");
    if (present)
        change->elevated_default = flag;
    return E_OK;
}

static enum err label_values_get_call(struct call *call)
{
    struct label_value *values;
    size_t count;
    struct label_filter filter = call_label_filter(call);
    enum err err = label_value_list(&call->tx, call->session->site_id, &filter, &values, &count);
    if (err)
        return err;
    struct el *list = doc_child(call->out, "labelValueList");
    for (size_t i = 0; i < count; i++)
        write_value(call, doc_item(list, "labelValue"), &values[i]);
    return E_OK;
}

const struct handler rest_label_values_get = {label_values_get_call, STARTS_READING, true};

static enum err label_value_get_call(struct call *call)
{
    struct label_value value;
    enum err err =
        label_value_get(&call->tx, call->session->site_id, call_param(call, VALUE_NAME), &value);
    if (!err)
        write_value(call, doc_child(call->out, "labelValue"), &value);
    return err;
}

const struct handler rest_label_value_get = {label_value_get_call, STARTS_READING, true};

static enum err label_value_put_call(struct call *call)
{
    struct label_value_change change;
    struct label_value value;
    enum err err = read_value(call, &change);
    if (!err)
        err = label_value_put(&call->tx, call->session->site_id, &change, &value);
    if (!err)
        write_value(call, doc_child(call->out, "labelValue"), &value);
    return err;
}

const struct handler rest_label_value_put = {label_value_put_call, STARTS_WRITING, false};

static enum err label_value_update_call(struct call *call)
{
    struct label_value_change change;
    struct label_value value;
    enum err err = read_value(call, &change);
    if (!err)
        err = label_value_update(&call->tx, call->session->site_id, call_param(call, VALUE_NAME),
                                 &change, &value);
    if (!err)
        write_value(call, doc_child(call->out, "labelValue"), &value);
    return err;
}

const struct handler rest_label_value_update = {label_value_update_call, STARTS_WRITING, false};

static enum err label_value_delete_call(struct call *call)
{
    return label_value_delete(&call->tx, call->session->site_id, call_param(call, VALUE_NAME));
}

const struct handler rest_label_value_delete = {label_value_delete_call, STARTS_WRITING, false};

/* ---- categories */

static void write_category(struct el *el, const struct label_category *category)
{
    doc_attr(el, "name", category->name);
    doc_attr(el, "description", category->description);
}

static enum err label_categories_get_call(struct call *call)
{
    struct label_category *categories;
    size_t count;
    enum err err = label_category_list(&call->tx, call->session->site_id, &categories, &count);
    if (err)
        return err;
    struct el *list = doc_child(call->out, "labelCategoryList");
    for (size_t i = 0; i < count; i++)
        write_category(doc_item(list, "labelCategory"), &categories[i]);
    return E_OK;
}

const struct handler rest_label_categories_get = {label_categories_get_call, STARTS_READING, true};

static enum err label_category_create_call(struct call *call)
{
    const struct el *el;
    struct label_category category;
    enum err err = call_element(call, "labelCategory", &el);
    if (!err)
        err = label_category_create(&call->tx, call->session->site_id, doc_get(el, "name"),
                                    doc_get(el, "description"), &category);
    if (!err)
        write_category(doc_child(call->out, "labelCategory"), &category);
    return err;
}

const struct handler rest_label_category_create = {label_category_create_call, STARTS_WRITING,
                                                   false};

static enum err label_category_update_call(struct call *call)
{
    const struct el *el;
    struct label_category category;
    enum err err = call_element(call, "labelCategory", &el);
    if (!err)
        err = label_category_update(&call->tx, call->session->site_id,
                                    call_param(call, CATEGORY_NAME), doc_get(el, "name"),
                                    doc_get(el, "description"), &category);
    if (!err)
        write_category(doc_child(call->out, "labelCategory"), &category);
    return err;
}

const struct handler rest_label_category_update = {label_category_update_call, STARTS_WRITING,
                                                   false};

static enum err label_category_delete_call(struct call *call)
{
    return label_category_delete(&call->tx, call->session->site_id,
                                 call_param(call, CATEGORY_NAME));
}

const struct handler rest_label_category_delete = {label_category_delete_call, STARTS_WRITING,
                                                   false};
