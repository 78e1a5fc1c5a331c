/* libxml2 and libxmlsec1 as judges: reads requests from stdin, answers on stdout, ends with its input.
 *
 * A request and an answer are records: the number of fields, then each field as its length and its bytes; all numbers are
 * four bytes, big end first. The first field of a request is its verb, that of an answer "ok" or "no".
 *
 *   c14n DOCUMENT (METHOD PREFIXES APEX OMIT)*   ok FORM*      the forms of subtrees; elements are named by their place in
 *                                                             document order, from 0; OMIT may be empty
 *   read DOCUMENT                                ok            well-formed, with namespaces
 *   sign DOCUMENT SIGNATURE KEY                  ok DOCUMENT   fills the template at the element SIGNATURE
 *   verify DOCUMENT SIGNATURE KEY                ok            the signature at the element SIGNATURE is by KEY (PEM)
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libxml/c14n.h>
#include <libxml/parser.h>
#include <libxml/tree.h>
#include <libxml/xmlerror.h>
#include <xmlsec/crypto.h>
#include <xmlsec/errors.h>
#include <xmlsec/xmldsig.h>
#include <xmlsec/xmlsec.h>
#include <xmlsec/xmltree.h>

enum { MOST_FIELDS = 256 };

struct field {
    uint32_t length;
    char *bytes; /* with a NUL behind */
};

struct record {
    uint32_t count;
    struct field fields[MOST_FIELDS];
};

/* ── records ──────────────────────────────────────────────────────────────────────────────────── */

static void die(const char *why) {
    fprintf(stderr, "oracle: %s\n", why);
    exit(2);
}

static int read_number(uint32_t *number) {
    unsigned char bytes[4];
    if (fread(bytes, 1, 4, stdin) != 4) return 0;
    *number = (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
    return 1;
}

static int read_record(struct record *record) {
    if (!read_number(&record->count)) return 0;
    if (record->count > MOST_FIELDS) die("too many fields");
    for (uint32_t i = 0; i < record->count; i++) {
        struct field *field = &record->fields[i];
        if (!read_number(&field->length)) die("the input ends inside a record");
        field->bytes = malloc((size_t)field->length + 1);
        if (field->bytes == NULL || fread(field->bytes, 1, field->length, stdin) != field->length) die("the input ends inside a field");
        field->bytes[field->length] = 0;
    }
    return 1;
}

static void free_record(struct record *record) {
    for (uint32_t i = 0; i < record->count; i++) free(record->fields[i].bytes);
}

static void write_number(uint32_t number) {
    unsigned char bytes[4] = {number >> 24, number >> 16, number >> 8, number};
    fwrite(bytes, 1, 4, stdout);
}

static void write_field(const void *bytes, size_t length) {
    write_number((uint32_t)length);
    fwrite(bytes, 1, length, stdout);
}

static void ok(uint32_t more) {
    write_number(1 + more);
    write_field("ok", 2);
}

static void no(const char *why) {
    write_number(2);
    write_field("no", 2);
    write_field(why, strlen(why));
}

/* ── why not ──────────────────────────────────────────────────────────────────────────────────── */

/* What the libraries said while they looked at one request. */
static char said[512];

static void remember(const char *what) {
    size_t used = strlen(said);
    snprintf(said + used, sizeof said - used, "%s%s", used ? "; " : "", what);
}

static void hear_xml(void *context, xmlErrorPtr error) {
    (void)context;
    if (error != NULL && error->message != NULL) remember(error->message);
}

static void hear_xmlsec(const char *file, int line, const char *function, const char *object, const char *subject, int reason, const char *message) {
    char text[256];
    (void)file, (void)line, (void)object;
    snprintf(text, sizeof text, "%s: %s: %d %s", function, subject ? subject : "", reason, message ? message : "");
    remember(text);
}

/* ── documents ────────────────────────────────────────────────────────────────────────────────── */

/* NULL when it is not well-formed or not namespace-well-formed, which libxml2 calls a mere error. */
static xmlDocPtr document_of(const struct field *field) {
    xmlParserCtxtPtr parser = xmlNewParserCtxt();
    xmlDocPtr document = xmlCtxtReadMemory(parser, field->bytes, (int)field->length, NULL, NULL, XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING);
    int good = document != NULL && parser->wellFormed && parser->nsWellFormed;
    if (!good && parser->lastError.message != NULL) remember(parser->lastError.message);
    xmlFreeParserCtxt(parser);
    if (!good && document != NULL) {
        xmlFreeDoc(document);
        document = NULL;
    }
    return document;
}

static xmlNodePtr next_element(xmlNodePtr node) {
    do {
        if (node->type == XML_ELEMENT_NODE && node->children != NULL) {
            node = node->children;
        } else {
            while (node != NULL && node->next == NULL) node = node->parent;
            if (node == NULL || node->type == XML_DOCUMENT_NODE) return NULL;
            node = node->next;
        }
    } while (node->type != XML_ELEMENT_NODE);
    return node;
}

static xmlNodePtr element_at(xmlDocPtr document, const struct field *place) {
    xmlNodePtr node = xmlDocGetRootElement(document);
    for (long at = strtol(place->bytes, NULL, 10); at > 0 && node != NULL; at--) node = next_element(node);
    return node;
}

/* ── canonical forms ──────────────────────────────────────────────────────────────────────────── */

struct subset {
    xmlNodePtr apex;
    xmlNodePtr omitted; /* or NULL */
};

static int is_inside(xmlNodePtr node, xmlNodePtr ancestor) {
    while (node != NULL && node != ancestor) node = node->parent;
    return node != NULL;
}

/* Attributes and namespaces belong to the element that libxml2 names as their parent. */
static int is_visible(void *data, xmlNodePtr node, xmlNodePtr parent) {
    const struct subset *subset = data;
    xmlNodePtr at = node->type == XML_NAMESPACE_DECL || node->type == XML_ATTRIBUTE_NODE ? parent : node;
    return is_inside(at, subset->apex) && !(subset->omitted != NULL && is_inside(at, subset->omitted));
}

/* The prefixes of a list of names, which is cut up for them. */
static void split(char *names, xmlChar **prefixes, size_t most) {
    size_t count = 0;
    for (char *name = strtok(names, " "); name != NULL && count + 1 < most; name = strtok(NULL, " ")) prefixes[count++] = (xmlChar *)name;
    prefixes[count] = NULL;
}

static void canonical(struct record *request) {
    xmlDocPtr document = document_of(&request->fields[1]);
    if (document == NULL) {
        no(said);
        return;
    }
    xmlBufferPtr forms[MOST_FIELDS];
    uint32_t count = 0;
    int failed = 0;
    for (uint32_t i = 2; i + 3 < request->count && !failed; i += 4) {
        struct field *how = &request->fields[i];
        xmlChar *prefixes[64];
        split(how[1].bytes, prefixes, 64);
        int mode = strcmp(how[0].bytes, "inclusive") == 0 ? XML_C14N_1_0 : XML_C14N_EXCLUSIVE_1_0;
        struct subset subset = {element_at(document, &how[2]), how[3].length > 0 ? element_at(document, &how[3]) : NULL};
        xmlBufferPtr form = xmlBufferCreate();
        xmlOutputBufferPtr out = xmlOutputBufferCreateBuffer(form, NULL);
        failed = subset.apex == NULL || xmlC14NExecute(document, is_visible, &subset, mode, prefixes, 0, out) < 0;
        failed |= xmlOutputBufferClose(out) < 0;
        forms[count++] = form;
    }
    if (failed) {
        no(said[0] ? said : "no canonical form");
    } else {
        ok(count);
        for (uint32_t i = 0; i < count; i++) write_field(xmlBufferContent(forms[i]), (size_t)xmlBufferLength(forms[i]));
    }
    for (uint32_t i = 0; i < count; i++) xmlBufferFree(forms[i]);
    xmlFreeDoc(document);
}

/* ── signatures ───────────────────────────────────────────────────────────────────────────────── */

/* Registers what the profile treats as ids: Id, ID and AssertionID, with or without the namespace of wsu. */
static int register_ids(xmlDocPtr document) {
    for (xmlNodePtr node = xmlDocGetRootElement(document); node != NULL; node = next_element(node)) {
        for (xmlAttrPtr attribute = node->properties; attribute != NULL; attribute = attribute->next) {
            const char *name = (const char *)attribute->name;
            int is_id = strcmp(name, "Id") == 0 || strcmp(name, "ID") == 0 || strcmp(name, "AssertionID") == 0;
            if (!is_id) continue;
            xmlChar *value = xmlNodeListGetString(document, attribute->children, 1);
            int taken = value == NULL || xmlGetID(document, value) != NULL || xmlAddID(NULL, document, value, attribute) == NULL;
            xmlFree(value);
            if (taken) {
                remember("an id that cannot be registered");
                return 0;
            }
        }
    }
    return 1;
}

/* A key is read once: decoding costs more than using it. */
static xmlSecKeyPtr key_of(const struct field *pem) {
    static struct {
        char *pem;
        xmlSecKeyPtr key;
    } known[32];
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (known[i].pem == NULL) {
            xmlSecKeyDataFormat format = strstr(pem->bytes, "CERTIFICATE") ? xmlSecKeyDataFormatCertPem : xmlSecKeyDataFormatPem;
            xmlSecKeyPtr key = xmlSecCryptoAppKeyLoadMemory((const xmlSecByte *)pem->bytes, pem->length, format, NULL, NULL, NULL);
            if (key == NULL) return NULL;
            known[i].pem = strdup(pem->bytes);
            known[i].key = key;
        }
        if (strcmp(known[i].pem, pem->bytes) == 0) return xmlSecKeyDuplicate(known[i].key);
    }
    die("too many keys");
    return NULL;
}

/* The document and the context for one of its signatures; NULL when that cannot be. */
static xmlSecDSigCtxPtr begin(struct record *request, xmlDocPtr *document, xmlNodePtr *signature) {
    *document = document_of(&request->fields[1]);
    if (*document == NULL || !register_ids(*document)) return NULL;
    *signature = element_at(*document, &request->fields[2]);
    xmlSecDSigCtxPtr context = xmlSecDSigCtxCreate(NULL);
    context->enabledReferenceUris = xmlSecTransformUriTypeSameDocument;
    context->signKey = key_of(&request->fields[3]);
    if (*signature == NULL || context->signKey == NULL) {
        xmlSecDSigCtxDestroy(context);
        remember("no such signature, or no such key");
        return NULL;
    }
    return context;
}

static void sign(struct record *request) {
    xmlDocPtr document = NULL;
    xmlNodePtr signature = NULL;
    xmlSecDSigCtxPtr context = begin(request, &document, &signature);
    if (context == NULL || xmlSecDSigCtxSign(context, signature) < 0) {
        no(said);
    } else {
        xmlChar *bytes = NULL;
        int length = 0;
        xmlDocDumpMemoryEnc(document, &bytes, &length, "UTF-8");
        ok(1);
        write_field(bytes, (size_t)length);
        xmlFree(bytes);
    }
    if (context != NULL) xmlSecDSigCtxDestroy(context);
    if (document != NULL) xmlFreeDoc(document);
}

static void verify(struct record *request) {
    xmlDocPtr document = NULL;
    xmlNodePtr signature = NULL;
    xmlSecDSigCtxPtr context = begin(request, &document, &signature);
    int done = context != NULL && xmlSecDSigCtxVerify(context, signature) >= 0;
    if (done && context->status == xmlSecDSigStatusSucceeded) {
        ok(0);
    } else {
        no(said[0] ? said : "the signature does not hold");
    }
    if (context != NULL) xmlSecDSigCtxDestroy(context);
    if (document != NULL) xmlFreeDoc(document);
}

/* ─────────────────────────────────────────────────────────────────────────────────────────────── */

static void answer(struct record *request) {
    const char *verb = request->count > 0 ? request->fields[0].bytes : "";
    said[0] = 0;
    if (strcmp(verb, "c14n") == 0 && request->count >= 2) {
        canonical(request);
    } else if (strcmp(verb, "read") == 0 && request->count == 2) {
        xmlDocPtr document = document_of(&request->fields[1]);
        if (document == NULL) {
            no(said);
        } else {
            ok(0);
            xmlFreeDoc(document);
        }
    } else if (strcmp(verb, "sign") == 0 && request->count == 4) {
        sign(request);
    } else if (strcmp(verb, "verify") == 0 && request->count == 4) {
        verify(request);
    } else {
        die("an unknown request");
    }
}

int main(void) {
    static char in[1 << 16], out[1 << 16];
    setvbuf(stdin, in, _IOFBF, sizeof in);
    setvbuf(stdout, out, _IOFBF, sizeof out);
    xmlInitParser();
    xmlSetStructuredErrorFunc(NULL, hear_xml);
    if (xmlSecInit() < 0 || xmlSecCryptoAppInit(NULL) < 0 || xmlSecCryptoInit() < 0) die("libxmlsec1 does not start");
    xmlSecErrorsSetCallback(hear_xmlsec);
    struct record request;
    while (read_record(&request)) {
        answer(&request);
        free_record(&request);
        fflush(stdout);
    }
    return 0;
}
