/*
 * How long libxmlsec1 takes for a message: parse, find the ids, verify each signature. Keys are read before.
 *
 *     xmlsec MESSAGE CERTIFICATE... -- one certificate (PEM) for each ds:Signature, in document order.
 *
 * Prints the median of its rounds in nanoseconds of processor time for one message.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <libxml/parser.h>
#include <libxml/tree.h>
#include <xmlsec/crypto.h>
#include <xmlsec/xmldsig.h>
#include <xmlsec/xmlsec.h>
#include <xmlsec/xmltree.h>

enum { ROUNDS = 61, EACH = 20, MOST = 4 };

static const xmlChar WSU[] =
    "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd";

static void fail(const char *why) {
    fprintf(stderr, "%s\n", why);
    exit(1);
}

static void add_ids(xmlDocPtr document, xmlNodePtr node) {
    for (; node != NULL; node = node->next) {
        if (node->type != XML_ELEMENT_NODE) {
            continue;
        }
        for (xmlAttrPtr attribute = node->properties; attribute != NULL; attribute = attribute->next) {
            int is_wsu = attribute->ns != NULL && xmlStrEqual(attribute->ns->href, WSU);
            int is_id = xmlStrEqual(attribute->name, BAD_CAST "Id") || xmlStrEqual(attribute->name, BAD_CAST "ID");
            if (is_id && (is_wsu || attribute->ns == NULL)) {
                xmlChar *value = xmlNodeListGetString(document, attribute->children, 1);
                xmlAddID(NULL, document, value, attribute);
                xmlFree(value);
            }
        }
        add_ids(document, node->children);
    }
}

static int find_signatures(xmlNodePtr node, xmlNodePtr *found, int count) {
    for (; node != NULL; node = node->next) {
        if (node->type != XML_ELEMENT_NODE) {
            continue;
        }
        if (count < MOST && xmlSecCheckNodeName(node, xmlSecNodeSignature, xmlSecDSigNs)) {
            found[count++] = node;
        }
        count = find_signatures(node->children, found, count);
    }
    return count;
}

static void verify(const char *bytes, int size, xmlSecKeyPtr *keys, int key_count) {
    xmlNodePtr signatures[MOST];
    xmlDocPtr document = xmlReadMemory(bytes, size, NULL, NULL, XML_PARSE_NONET);
    if (document == NULL) {
        fail("not a document");
    }
    xmlNodePtr root = xmlDocGetRootElement(document);
    add_ids(document, root);
    int count = find_signatures(root, signatures, 0);
    if (count != key_count) {
        fail("another number of signatures");
    }
    for (int i = 0; i < count; i++) {
        xmlSecDSigCtxPtr context = xmlSecDSigCtxCreate(NULL);
        if (context == NULL) {
            fail("no context");
        }
        context->signKey = xmlSecKeyDuplicate(keys[i]);
        if (xmlSecDSigCtxVerify(context, signatures[i]) < 0 || context->status != xmlSecDSigStatusSucceeded) {
            fail("a signature does not verify");
        }
        xmlSecDSigCtxDestroy(context);
    }
    xmlFreeDoc(document);
}

static int by_value(const void *one, const void *other) {
    double a = *(const double *)one, b = *(const double *)other;
    return (a > b) - (a < b);
}

int main(int argc, char **argv) {
    if (argc < 3 || argc > 2 + MOST) {
        fail("MESSAGE CERTIFICATE...");
    }
    xmlInitParser();
    if (xmlSecInit() < 0 || xmlSecCryptoAppInit(NULL) < 0 || xmlSecCryptoInit() < 0) {
        fail("libxmlsec1 does not start");
    }
    FILE *file = fopen(argv[1], "rb");
    if (file == NULL) {
        fail("no message");
    }
    static char bytes[1 << 20];
    int size = (int)fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    xmlSecKeyPtr keys[MOST];
    for (int i = 2; i < argc; i++) {
        keys[i - 2] = xmlSecCryptoAppKeyLoad(argv[i], xmlSecKeyDataFormatCertPem, NULL, NULL, NULL);
        if (keys[i - 2] == NULL) {
            fail("a certificate cannot be read");
        }
    }
    double rounds[ROUNDS];
    for (int round = -3; round < ROUNDS; round++) {
        struct timespec began, ended;
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &began);
        for (int i = 0; i < EACH; i++) {
            verify(bytes, size, keys, argc - 2);
        }
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ended);
        if (round >= 0) {
            double seconds = (double)(ended.tv_sec - began.tv_sec) + (double)(ended.tv_nsec - began.tv_nsec) / 1e9;
            rounds[round] = seconds * 1e9 / EACH;
        }
    }
    qsort(rounds, ROUNDS, sizeof *rounds, by_value);
    printf("%.0f\n", rounds[ROUNDS / 2]);
    return 0;
}
