/* test_jwt: every check of a token, one line for each way to break it.
 *
 * The tokens are made here with the one-shot HMAC of libcrypto and not with
 * jwt_sign, so that signing and checking do not share a mistake. JSON is written
 * with ' for ", which no case needs for itself. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above */
#include <cmocka.h>

#include <jansson.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/codec.h"
#include "trust/claims.h"
#include "trust/jwt.h"

#define SECRET "TO7/wkW+45U001IBtyNbtyIMYQ/GBM0XlRXqsgYqPlY="
#define ISS "8e1b7172-39c3-4a32-887e-fc2b4119f56d"
#define KID "b0115bf9-3a4b-4c91-b009-cf0c170b1a56"
#define NOW INT64_C(1700000000)
#define NUL "\x1F" /* becomes a zero byte */

/* Pieces of payloads. */
#define AUD "'aud':'tableau'"
#define SUB "'sub':'ines'"
#define EXP "'exp':1700000300"
#define JTI "'jti':'65eaf2f1-3fe8-4797-afdb-32833d5fdbda'"
#define SCP "'scp':['tableau:sites:read']"
#define OF5(a, b, c, d, e) "{" a "," b "," c "," d "," e "}"
#define GOOD OF5(AUD, SUB, EXP, JTI, SCP)
#define WITH_AUD(v) OF5("'aud':" v, SUB, EXP, JTI, SCP)
#define WITH_SUB(v) OF5(AUD, "'sub':" v, EXP, JTI, SCP)
#define WITH_EXP(v) OF5(AUD, SUB, "'exp':" v, JTI, SCP)
#define WITH_JTI(v) OF5(AUD, SUB, EXP, "'jti':" v, SCP)
#define WITH_SCP(v) OF5(AUD, SUB, EXP, JTI, "'scp':" v)
#define PLUS(v) OF5(AUD, SUB, EXP, JTI, SCP "," v)
#define HEAD "{'alg':'HS256','typ':'JWT','kid':'" KID "','iss':'" ISS "'}"
#define HEAD_ALG(v) "{'alg':" v ",'kid':'" KID "','iss':'" ISS "'}"
#define HEAD_KID(v) "{'alg':'HS256','kid':" v ",'iss':'" ISS "'}"
#define HEAD_ISS(v) "{'alg':'HS256','kid':'" KID "','iss':" v "}"
#define HEAD_PLUS(v) "{'alg':'HS256','kid':'" KID "','iss':'" ISS "'," v "}"
#define HEAD_BARE "{'alg':'HS256','kid':'" KID "'}"
#define OPEN8 "[[[[[[[["
#define SHUT8 "]]]]]]]]"

enum signer { BY_TEXT, BY_DECODED, BY_OTHER, BY_SHA512, BY_NOTHING };

struct row {
    const char *name;
    const char *header, *payload; /* NULL: HEAD, GOOD */
    enum trust_check failed;
    const char *found; /* part of the verdict's found */
    const char *form;  /* how the parts h, p and s are put together; NULL: h.p.s */
    enum signer signer;
};

/* clang-format off: one line for each case */
static const struct row ROWS[] = {
    /* what must pass */
    {"good", 0, 0, TRUST_OK, 0, 0, 0},
    {"white space in the JSON", " {\n'alg' :\t'HS256','kid':'k','iss':'i'}\r", 0, TRUST_OK, 0, 0,
     0},
    {"no typ", HEAD_ISS("'" ISS "'"), 0, TRUST_OK, 0, 0, 0},
    {"typ is a number", HEAD_PLUS("'typ':5"), 0, TRUST_OK, 0, 0, 0},
    {"unknown header members", HEAD_PLUS("'x5u':'http://x/','jwk':{'k':'AA'}"), 0, TRUST_OK, 0, 0,
     0},
    {"issuer in the payload only", HEAD_BARE, PLUS("'iss':'" ISS "'"), TRUST_OK, 0, 0, 0},
    {"issuer in both", 0, PLUS("'iss':'" ISS "'"), TRUST_OK, 0, 0, 0},
    {"issuer agrees by escapes", 0, PLUS("'iss':'\\u0038e1b7172-39c3-4a32-887e-fc2b4119f56d'"),
     TRUST_OK, 0, 0, 0},
    {"names by escapes", "{'\\u0061lg':'HS256','k\\u0069d':'k','iss':'i'}", 0, TRUST_OK, 0, 0, 0},
    {"kid with SQL", HEAD_KID("'x\\u0027 OR 1=1; --'"), 0, TRUST_OK, 0, 0, 0},
    {"kid with a path", HEAD_KID("'../../../../etc/passwd'"), 0, TRUST_OK, 0, 0, 0},
    {"aud in a list", 0, WITH_AUD("['a','tableau']"), TRUST_OK, 0, 0, 0},
    {"aud in a list of one", 0, WITH_AUD("[ 'tableau' ]"), TRUST_OK, 0, 0, 0},
    {"exp with a fraction", 0, WITH_EXP("1700000300.999"), TRUST_OK, 0, 0, 0},
    {"exp with an exponent", 0, WITH_EXP("17000003e2"), TRUST_OK, 0, 0, 0},
    {"exp with both", 0, WITH_EXP("1.7000003E+9"), TRUST_OK, 0, 0, 0},
    {"exp with a negative exponent", 0, WITH_EXP("17000003000e-1"), TRUST_OK, 0, 0, 0},
    {"exp just within the grace", 0, WITH_EXP("1699999941"), TRUST_OK, 0, 0, 0},
    {"exp at the longest life", 0, WITH_EXP("1700000660"), TRUST_OK, 0, 0, 0},
    {"nbf past", 0, PLUS("'nbf':1699999995"), TRUST_OK, 0, 0, 0},
    {"nbf negative", 0, PLUS("'nbf':-5"), TRUST_OK, 0, 0, 0},
    {"nbf at the end of the grace", 0, PLUS("'nbf':1700000060"), TRUST_OK, 0, 0, 0},
    {"nbf with a fraction", 0, PLUS("'nbf':1700000060.9"), TRUST_OK, 0, 0, 0},
    {"iat past", 0, PLUS("'iat':1"), TRUST_OK, 0, 0, 0},
    {"iat ahead is nobody's business", 0, PLUS("'iat':1800000000"), TRUST_OK, 0, 0, 0},
    {"iat is a string", 0, PLUS("'iat':'now'"), TRUST_OK, 0, 0, 0},
    {"unknown scopes", 0, WITH_SCP("['x','']"), TRUST_OK, 0, 0, 0},
    {"scopes with escapes", 0, WITH_SCP("['tableau\\u003asites\\u003aread']"), TRUST_OK, 0, 0, 0},
    {"sub beyond ASCII", 0, WITH_SUB("'\xC3\xA9lise \\ud83d\\ude00'"), TRUST_OK, 0, 0, 0},
    {"sub with a domain", 0, WITH_SUB("'DOMAIN\\\\ines'"), TRUST_OK, 0, 0, 0},
    {"user attributes", 0, PLUS("'Region':'East','n':1e400,'l':[1,'a',null],'t':true"), TRUST_OK, 0,
     0, 0},
    {"16 levels", 0, PLUS("'a':" OPEN8 "[[[[[[[1]]]]]]]" SHUT8), TRUST_OK, 0, 0, 0},
    {"the same name in two objects", 0, PLUS("'a':{'x':1},'b':{'x':1}"), TRUST_OK, 0, 0, 0},
    {"on-demand access is set aside", 0, PLUS("'https://tableau.com/oda':'true'"), TRUST_OK, 0, 0,
     0},
    {"empty names", 0, PLUS("'':1"), TRUST_OK, 0, 0, 0},

    /* FORM: the parts */
    {"one part", 0, 0, TRUST_FORM, "1 part", "h", 0},
    {"two parts", 0, 0, TRUST_FORM, "2 parts", "h.p", 0},
    {"four parts", 0, 0, TRUST_FORM, "4 parts", "h.p.s.", 0},
    {"six parts", 0, 0, TRUST_FORM, "6 parts", "h.p.s...", 0},
    {"dot before", 0, 0, TRUST_FORM, "4 parts", ".h.p.s", 0},
    {"two dots", 0, 0, TRUST_FORM, "4 parts", "h..p.s", 0},
    {"dots only", 0, 0, TRUST_FORM, "header: not a JSON object", "..", 0},
    {"no header", 0, 0, TRUST_FORM, "header: not a JSON object", ".p.s", 0},
    {"no payload", 0, 0, TRUST_FORM, "payload: not a JSON object", "h..s", 0},
    {"no dots", 0, 0, TRUST_FORM, "1 part", "nonsense", 0},
    {"space before", 0, 0, TRUST_FORM, "header: not base64url", " h.p.s", 0},
    {"line end behind", 0, 0, TRUST_FORM, "signature: not base64url", "h.p.s\n", 0},
    {"space within", 0, 0, TRUST_FORM, "payload: not base64url", "h. p.s", 0},
    {"padding of the header", 0, 0, TRUST_FORM, "header: not base64url", "h=.p.s", 0},
    {"padding of the signature", 0, 0, TRUST_FORM, "signature: not base64url", "h.p.s=", 0},
    {"plus", 0, 0, TRUST_FORM, "signature: not base64url", "h.p.+s", 0},
    {"slash", 0, 0, TRUST_FORM, "payload: not base64url", "h./p.s", 0},
    {"percent", 0, 0, TRUST_FORM, "payload: not base64url", "h.%70p.s", 0},
    {"high byte", 0, 0, TRUST_FORM, "header: not base64url", "\xC3h.p.s", 0},
    {"zero byte", 0, 0, TRUST_FORM, "signature: not base64url", "h.p.s" NUL, 0},
    {"one character too many", 0, 0, TRUST_FORM, "signature: not base64url", "h.p.AAAAA", 0},
    {"bits left over", 0, 0, TRUST_FORM, "signature: not base64url", "h.p.AB", 0},
    {"Bearer before", 0, 0, TRUST_FORM, "header: not base64url", "Be h.p.s", 0},

    /* FORM: the JSON */
    {"header is a list", "['HS256']", 0, TRUST_FORM, "header: not a JSON object", 0, 0},
    {"header is a string", "'HS256'", 0, TRUST_FORM, "header: not a JSON object", 0, 0},
    {"header is null", "null", 0, TRUST_FORM, "header: not a JSON object", 0, 0},
    {"header is two objects", HEAD "{}", 0, TRUST_FORM, "header: bytes behind", 0, 0},
    {"payload is a list", 0, "[]", TRUST_FORM, "payload: not a JSON object", 0, 0},
    {"payload is a number", 0, "5", TRUST_FORM, "payload: not a JSON object", 0, 0},
    {"payload is text", 0, "hello", TRUST_FORM, "payload: not a JSON object", 0, 0},
    {"payload is cut", 0, "{'a':1", TRUST_FORM, "payload: not JSON", 0, 0},
    {"payload is cut in a string", 0, "{'a':'x", TRUST_FORM, "without end", 0, 0},
    {"payload is cut in an escape", 0, "{'a':'\\", TRUST_FORM, "payload: not JSON", 0, 0},
    {"bytes behind", 0, GOOD "x", TRUST_FORM, "payload: bytes behind", 0, 0},
    {"a second object", 0, GOOD GOOD, TRUST_FORM, "payload: bytes behind", 0, 0},
    {"zero byte behind", 0, GOOD NUL, TRUST_FORM, "payload: bytes behind", 0, 0},
    {"comma behind", 0, GOOD ",", TRUST_FORM, "payload: bytes behind", 0, 0},
    {"comma at the end", 0, PLUS("'a':1,"), TRUST_FORM, "not JSON", 0, 0},
    {"comma at the start", 0, "{,'a':1}", TRUST_FORM, "not JSON", 0, 0},
    {"comma at the end of a list", 0, PLUS("'a':[1,]"), TRUST_FORM, "not JSON", 0, 0},
    {"wrong bracket", 0, PLUS("'a':[1}"), TRUST_FORM, "not JSON", 0, 0},
    {"no colon", 0, PLUS("'a' 1"), TRUST_FORM, "not JSON", 0, 0},
    {"no value", 0, PLUS("'a':"), TRUST_FORM, "not JSON", 0, 0},
    {"name without quotes", 0, PLUS("a:1"), TRUST_FORM, "not JSON", 0, 0},
    {"comment", 0, PLUS("/* */'a':1"), TRUST_FORM, "not JSON", 0, 0},
    {"True", 0, PLUS("'a':True"), TRUST_FORM, "not JSON", 0, 0},
    {"truex", 0, PLUS("'a':truex"), TRUST_FORM, "not JSON", 0, 0},
    {"NaN", 0, WITH_EXP("NaN"), TRUST_FORM, "not JSON", 0, 0},
    {"Infinity", 0, WITH_EXP("Infinity"), TRUST_FORM, "not JSON", 0, 0},
    {"-Infinity", 0, WITH_EXP("-Infinity"), TRUST_FORM, "not JSON", 0, 0},
    {"leading zero", 0, WITH_EXP("01700000300"), TRUST_FORM, "not JSON", 0, 0},
    {"leading plus", 0, WITH_EXP("+1700000300"), TRUST_FORM, "not JSON", 0, 0},
    {"leading point", 0, WITH_EXP(".5"), TRUST_FORM, "not JSON", 0, 0},
    {"point at the end", 0, WITH_EXP("1700000300."), TRUST_FORM, "not JSON", 0, 0},
    {"empty exponent", 0, WITH_EXP("17e"), TRUST_FORM, "not JSON", 0, 0},
    {"minus only", 0, WITH_EXP("-"), TRUST_FORM, "not JSON", 0, 0},
    {"hex number", 0, WITH_EXP("0x6553f1ac"), TRUST_FORM, "not JSON", 0, 0},
    {"byte order mark", 0, "\xEF\xBB\xBF" GOOD, TRUST_FORM, "payload: byte order mark", 0, 0},
    {"byte order mark in the header", "\xEF\xBB\xBF" HEAD, 0, TRUST_FORM, "header: byte order", 0,
     0},
    {"Latin-1", 0, WITH_SUB("'\xE9lise'"), TRUST_FORM, "payload: not UTF-8", 0, 0},
    {"overlong UTF-8", 0, WITH_SUB("'\xC0\xAF'"), TRUST_FORM, "not UTF-8", 0, 0},
    {"surrogate in UTF-8", 0, WITH_SUB("'\xED\xA0\x80'"), TRUST_FORM, "not UTF-8", 0, 0},
    {"beyond Unicode", 0, WITH_SUB("'\xF4\x90\x80\x80'"), TRUST_FORM, "not UTF-8", 0, 0},
    {"cut UTF-8", 0, WITH_SUB("'\xE2\x82'"), TRUST_FORM, "not UTF-8", 0, 0},
    {"non-UTF-8 in a name", 0, PLUS("'\xFF':1"), TRUST_FORM, "not UTF-8", 0, 0},
    {"non-UTF-8 in a deep value", 0, PLUS("'a':[{'b':'\x80'}]"), TRUST_FORM, "not UTF-8", 0, 0},
    {"high byte outside strings", 0, PLUS("\xC2\xA0'a':1"), TRUST_FORM, "not JSON", 0, 0},
    {"escaped NUL in sub", 0, WITH_SUB("'ines\\u0000x'"), TRUST_FORM, "NUL", 0, 0},
    {"escaped NUL in kid", HEAD_KID("'" KID "\\u0000'"), 0, TRUST_FORM, "header: NUL", 0, 0},
    {"escaped NUL in a name", 0, PLUS("'a\\u0000':1"), TRUST_FORM, "NUL", 0, 0},
    {"NUL in a string", 0, WITH_SUB("'ines" NUL "'"), TRUST_FORM, "control character", 0, 0},
    {"line end in a string", 0, WITH_SUB("'ines\n'"), TRUST_FORM, "control character", 0, 0},
    {"lone high surrogate", 0, WITH_SUB("'\\ud83d'"), TRUST_FORM, "half a surrogate", 0, 0},
    {"lone low surrogate", 0, WITH_SUB("'\\ude00'"), TRUST_FORM, "half a surrogate", 0, 0},
    {"surrogates the wrong way", 0, WITH_SUB("'\\ude00\\ud83d'"), TRUST_FORM, "half a surrogate", 0,
     0},
    {"two high surrogates", 0, WITH_SUB("'\\ud83d\\ud83d'"), TRUST_FORM, "half a surrogate", 0, 0},
    {"unknown escape", 0, WITH_SUB("'\\x41'"), TRUST_FORM, "not JSON", 0, 0},
    {"short escape", 0, WITH_SUB("'\\u12'"), TRUST_FORM, "not JSON", 0, 0},
    {"escape not hex", 0, WITH_SUB("'\\u12g4'"), TRUST_FORM, "not JSON", 0, 0},
    {"exp twice", 0, PLUS("'exp':9"), TRUST_FORM, "payload: two members", 0, 0},
    {"sub twice alike", 0, PLUS(SUB), TRUST_FORM, "two members", 0, 0},
    {"sub twice by escape", 0, PLUS("'s\\u0075b':'root'"), TRUST_FORM, "two members", 0, 0},
    {"an attribute twice", 0, PLUS("'a':1,'a':1"), TRUST_FORM, "two members", 0, 0},
    {"empty name twice", 0, PLUS("'':1,'':2"), TRUST_FORM, "two members", 0, 0},
    {"twice in a nested object", 0, PLUS("'a':[{'b':1,'c':2,'b':3}]"), TRUST_FORM, "two members", 0,
     0},
    {"twice around a nested object", 0, PLUS("'a':{'a':1},'a':2"), TRUST_FORM, "two members", 0, 0},
    {"alg twice", HEAD_PLUS("'alg':'none'"), 0, TRUST_FORM, "header: two members", 0, 0},
    {"kid twice", HEAD_PLUS("'kid':'x'"), 0, TRUST_FORM, "header: two members", 0, 0},
    {"17 levels", 0, PLUS("'a':" OPEN8 OPEN8 SHUT8 SHUT8), TRUST_FORM, "deeper than 16", 0, 0},
    {"17 levels in the header", HEAD_PLUS("'a':" OPEN8 OPEN8 SHUT8 SHUT8), 0, TRUST_FORM,
     "deeper than 16", 0, 0},
    {"deep and never closed", 0, "{'a':" OPEN8 OPEN8 OPEN8 OPEN8 OPEN8 OPEN8, TRUST_FORM,
     "deeper than 16", 0, 0},
    {"crit", HEAD_PLUS("'crit':['b64'],'b64':false"), 0, TRUST_FORM, "crit", 0, 0},
    {"crit empty", HEAD_PLUS("'crit':[]"), 0, TRUST_FORM, "crit", 0, 0},
    {"crit null", HEAD_PLUS("'crit':null"), 0, TRUST_FORM, "crit", 0, 0},

    /* SIGNED */
    {"none", HEAD_ALG("'none'"), 0, TRUST_SIGNED, "alg 'none'", "h.p.", 0},
    {"None", HEAD_ALG("'None'"), 0, TRUST_SIGNED, "alg 'None'", "h.p.", 0},
    {"NONE", HEAD_ALG("'NONE'"), 0, TRUST_SIGNED, "alg 'NONE'", "h.p.", 0},
    {"nOnE", HEAD_ALG("'nOnE'"), 0, TRUST_SIGNED, "alg 'nOnE'", "h.p.", 0},
    {"none by escapes", HEAD_ALG("'n\\u006fne'"), 0, TRUST_SIGNED, "alg 'none'", "h.p.", 0},
    {"none with a good signature", HEAD_ALG("'none'"), 0, TRUST_SIGNED, "alg 'none'", 0, 0},
    {"none without kid and issuer", "{'alg':'none'}", 0, TRUST_SIGNED, "alg 'none'", "h.p.", 0},
    {"HS256 with an empty signature", 0, 0, TRUST_SIGNED, "an empty signature", "h.p.", 0},
    {"RS256 with an empty signature", HEAD_ALG("'RS256'"), 0, TRUST_SIGNED, "an empty signature",
     "h.p.", 0},
    {"encrypted", "{'alg':'dir','enc':'A256GCM'}", 0, TRUST_SIGNED, "JWE", "h..s.s.s", 0},
    {"five parts", 0, 0, TRUST_SIGNED, "JWE", "h.p.s.s.s", 0},
    {"five empty parts", 0, 0, TRUST_SIGNED, "JWE", "....", 0},

    /* IDS */
    {"no kid", "{'alg':'HS256','iss':'i'}", 0, TRUST_IDS, "kid absent", 0, 0},
    {"kid empty", HEAD_KID("''"), 0, TRUST_IDS, "kid empty", 0, 0},
    {"kid is a number", HEAD_KID("5"), 0, TRUST_IDS, "kid a number", 0, 0},
    {"kid is null", HEAD_KID("null"), 0, TRUST_IDS, "kid null", 0, 0},
    {"kid is a list", HEAD_KID("['" KID "']"), 0, TRUST_IDS, "kid a list", 0, 0},
    {"kid is an object", HEAD_KID("{}"), 0, TRUST_IDS, "kid an object", 0, 0},
    {"KID is not kid", "{'alg':'HS256','KID':'k','iss':'i'}", 0, TRUST_IDS, "kid absent", 0, 0},
    {"no issuer", HEAD_BARE, 0, TRUST_IDS, "iss absent", 0, 0},
    {"issuer empty", HEAD_ISS("''"), 0, TRUST_IDS, "iss empty", 0, 0},
    {"issuer empty in the payload", HEAD_BARE, PLUS("'iss':''"), TRUST_IDS, "iss empty", 0, 0},
    {"issuer is a number", HEAD_ISS("7"), 0, TRUST_IDS, "iss a number", 0, 0},
    {"issuer is true", HEAD_ISS("true"), 0, TRUST_IDS, "iss true", 0, 0},
    {"issuer is null in the payload", 0, PLUS("'iss':null"), TRUST_IDS, "iss null", 0, 0},
    {"issuer is a list in the payload", HEAD_BARE, PLUS("'iss':['" ISS "']"), TRUST_IDS,
     "iss a list", 0, 0},
    {"header issuer odd, payload good", HEAD_ISS("false"), PLUS("'iss':'" ISS "'"), TRUST_IDS,
     "iss false", 0, 0},
    {"issuers differ", 0, PLUS("'iss':'other'"), TRUST_IDS, "payload 'other'", 0, 0},
    {"issuers differ by case", 0, PLUS("'iss':'8E1B7172-39C3-4A32-887E-FC2B4119F56D'"), TRUST_IDS,
     "header '" ISS "'", 0, 0},
    {"header issuer empty, payload good", HEAD_ISS("''"), PLUS("'iss':'i'"), TRUST_IDS,
     "header empty", 0, 0},
    {"payload issuer empty, header good", 0, PLUS("'iss':''"), TRUST_IDS, "payload empty", 0, 0},
    {"kid missing comes before alg", "{'alg':'HS512','iss':'i'}", 0, TRUST_IDS, "kid absent", 0, 0},
    {"control bytes are escaped", 0, PLUS("'iss':'a\\n\\u001b[31m\\u007f\xC3\xA9'"), TRUST_IDS,
     "'a\\x0A\\x1B[31m\\x7F\\xC3\\xA9'", 0, 0},

    /* ALG */
    {"no alg", "{'kid':'k','iss':'i'}", 0, TRUST_ALG, "absent", 0, 0},
    {"alg is a number", HEAD_ALG("256"), 0, TRUST_ALG, "a number", 0, 0},
    {"alg is null", HEAD_ALG("null"), 0, TRUST_ALG, "null", 0, 0},
    {"alg is a list", HEAD_ALG("['HS256']"), 0, TRUST_ALG, "a list", 0, 0},
    {"alg empty", HEAD_ALG("''"), 0, TRUST_ALG, "empty", 0, 0},
    {"RS256", HEAD_ALG("'RS256'"), 0, TRUST_ALG, "'RS256'", 0, 0},
    {"ES256", HEAD_ALG("'ES256'"), 0, TRUST_ALG, "'ES256'", 0, 0},
    {"PS256", HEAD_ALG("'PS256'"), 0, TRUST_ALG, "'PS256'", 0, 0},
    {"HS384", HEAD_ALG("'HS384'"), 0, TRUST_ALG, "'HS384'", 0, 0},
    {"HS512, truly", HEAD_ALG("'HS512'"), 0, TRUST_ALG, "'HS512'", 0, BY_SHA512},
    {"hs256", HEAD_ALG("'hs256'"), 0, TRUST_ALG, "'hs256'", 0, 0},
    {"alg with a space", HEAD_ALG("'HS256 '"), 0, TRUST_ALG, "'HS256 '", 0, 0},
    {"none with a space", HEAD_ALG("' none'"), 0, TRUST_ALG, "' none'", 0, 0},
    {"dir in three parts", HEAD_ALG("'dir'"), 0, TRUST_ALG, "'dir'", 0, 0},

    /* SIGNATURE */
    {"key decoded from base64", 0, 0, TRUST_SIGNATURE, "base64-decoded", 0, BY_DECODED},
    {"another key", 0, 0, TRUST_SIGNATURE, "another key", 0, BY_OTHER},
    {"HS256 said, SHA-512 used", 0, 0, TRUST_SIGNATURE, "64 bytes", 0, BY_SHA512},
    {"all zeros", 0, 0, TRUST_SIGNATURE, "another key", 0, BY_NOTHING},
    {"a short signature", 0, 0, TRUST_SIGNATURE, "1 bytes", "h.p.AA", 0},
    {"the signature and more", 0, 0, TRUST_SIGNATURE, "35 bytes", "h.p.AAAAs", 0},
    {"header and payload swapped in", 0, WITH_AUD("'x'"), TRUST_SIGNATURE, "another key", 0,
     BY_OTHER},

    /* AUDIENCE */
    {"no aud", 0, OF5(SUB, EXP, JTI, SCP, "'a':1"), TRUST_AUDIENCE, "absent", 0, 0},
    {"aud of another", 0, WITH_AUD("'tableaux'"), TRUST_AUDIENCE, "'tableaux'", 0, 0},
    {"aud by case", 0, WITH_AUD("'Tableau'"), TRUST_AUDIENCE, "'Tableau'", 0, 0},
    {"aud with a site", 0, WITH_AUD("'tableau:1'"), TRUST_AUDIENCE, "'tableau:1'", 0, 0},
    {"aud empty", 0, WITH_AUD("''"), TRUST_AUDIENCE, "empty", 0, 0},
    {"aud is an empty list", 0, WITH_AUD("[]"), TRUST_AUDIENCE, "[]", 0, 0},
    {"aud list of others", 0, WITH_AUD("['a','b']"), TRUST_AUDIENCE, "['a', 'b']", 0, 0},
    {"aud list with a number", 0, WITH_AUD("['tableau',1]"), TRUST_AUDIENCE,
     "other things than strings", 0, 0},
    {"aud list in a list", 0, WITH_AUD("[['tableau']]"), TRUST_AUDIENCE,
     "other things than strings", 0, 0},
    {"aud is a number", 0, WITH_AUD("1"), TRUST_AUDIENCE, "a number", 0, 0},
    {"aud is null", 0, WITH_AUD("null"), TRUST_AUDIENCE, "null", 0, 0},
    {"aud is true", 0, WITH_AUD("true"), TRUST_AUDIENCE, "true", 0, 0},
    {"aud is an object", 0, WITH_AUD("{'tableau':1}"), TRUST_AUDIENCE, "an object", 0, 0},

    /* EXPIRY */
    {"no exp", 0, OF5(AUD, SUB, JTI, SCP, "'a':1"), TRUST_EXPIRY, "absent", 0, 0},
    {"exp is a string", 0, WITH_EXP("'1700000300'"), TRUST_EXPIRY, "'\"1700000300\"'", 0, 0},
    {"exp is null", 0, WITH_EXP("null"), TRUST_EXPIRY, "'null'", 0, 0},
    {"exp is true", 0, WITH_EXP("true"), TRUST_EXPIRY, "'true'", 0, 0},
    {"exp is a list", 0, WITH_EXP("[1700000300]"), TRUST_EXPIRY, "'[1700000300]'", 0, 0},
    {"exp is an object", 0, WITH_EXP("{}"), TRUST_EXPIRY, "'{}'", 0, 0},
    {"exp is 2^63", 0, WITH_EXP("9223372036854775808"), TRUST_EXPIRY, "'9223372036854775808'", 0,
     0},
    {"exp is -2^63", 0, WITH_EXP("-9223372036854775808"), TRUST_EXPIRY, "'-9223372036854775808'", 0,
     0},
    {"exp is 2^64 and more", 0, WITH_EXP("18446744075409551916"), TRUST_EXPIRY,
     "'18446744075409551916'", 0, 0},
    {"exp is 1e400", 0, WITH_EXP("1e400"), TRUST_EXPIRY, "'1e400'", 0, 0},
    {"exp is 1e99999999999999999999", 0, WITH_EXP("1e99999999999999999999"), TRUST_EXPIRY, "1e999",
     0, 0},
    {"exp is 2^53 + 1", 0, WITH_EXP("9007199254740993"), TRUST_EXPIRY, "'9007199254740993'", 0, 0},
    {"exp is 0", 0, WITH_EXP("0"), TRUST_EXPIRY, "1970-01-01T00:00:00Z, 1700000000 s ago", 0, 0},
    {"exp is 0e400", 0, WITH_EXP("0e400"), TRUST_EXPIRY, "1970-01-01", 0, 0},
    {"exp is 1e-400", 0, WITH_EXP("1e-400"), TRUST_EXPIRY, "1970-01-01", 0, 0},
    {"exp is -1", 0, WITH_EXP("-1"), TRUST_EXPIRY, "1969-12-31T23:59:59Z", 0, 0},
    {"exp is -0", 0, WITH_EXP("-0"), TRUST_EXPIRY, "1970-01-01", 0, 0},
    {"exp long past", 0, WITH_EXP("1699996155"), TRUST_EXPIRY, "3845 s ago", 0, 0},
    {"exp past the grace", 0, WITH_EXP("1699999940"), TRUST_EXPIRY, "60 s ago", 0, 0},
    {"exp past the grace but for a fraction", 0, WITH_EXP("1699999940.9"), TRUST_EXPIRY, "60 s ago",
     0, 0},
    {"nbf ahead", 0, PLUS("'nbf':1700000061"), TRUST_EXPIRY, "nbf 2023-11-14T22:14:21Z, 61 s ahead",
     0, 0},
    {"nbf far ahead", 0, PLUS("'nbf':9007199254740992"), TRUST_EXPIRY, "nbf 285428751", 0, 0},
    {"nbf is a string", 0, PLUS("'nbf':'1'"), TRUST_EXPIRY, "nbf '\"1\"'", 0, 0},
    {"nbf is null", 0, PLUS("'nbf':null"), TRUST_EXPIRY, "nbf 'null'", 0, 0},
    {"nbf is false", 0, PLUS("'nbf':false"), TRUST_EXPIRY, "nbf 'false'", 0, 0},
    {"nbf is 1e400", 0, PLUS("'nbf':1e400"), TRUST_EXPIRY, "nbf '1e400'", 0, 0},

    /* LIFETIME */
    {"exp one second too far", 0, WITH_EXP("1700000661"), TRUST_LIFETIME, "661 s ahead", 0, 0},
    {"exp a day ahead", 0, WITH_EXP("1700086400"), TRUST_LIFETIME, "2023-11-15T22:13:20Z", 0, 0},
    {"exp in milliseconds", 0, WITH_EXP("1700000300000"), TRUST_LIFETIME, "s ahead", 0, 0},
    {"exp is 2^53", 0, WITH_EXP("9007199254740992"), TRUST_LIFETIME, "285428751-11-12", 0, 0},
    {"a late iat does not help", 0, OF5(AUD, SUB, "'exp':1700086400,'iat':1700086000", JTI, SCP),
     TRUST_LIFETIME, "86400 s", 0, 0},

    /* JTI */
    {"no jti", 0, OF5(AUD, SUB, EXP, SCP, "'a':1"), TRUST_JTI, "absent", 0, 0},
    {"jti empty", 0, WITH_JTI("''"), TRUST_JTI, "empty", 0, 0},
    {"jti is a number", 0, WITH_JTI("17"), TRUST_JTI, "a number", 0, 0},
    {"jti is null", 0, WITH_JTI("null"), TRUST_JTI, "null", 0, 0},
    {"jti is a list", 0, WITH_JTI("['a']"), TRUST_JTI, "a list", 0, 0},

    /* SCOPES, SCOPES_FORM */
    {"no scp", 0, OF5(AUD, SUB, EXP, JTI, "'a':1"), TRUST_SCOPES, "absent", 0, 0},
    {"scp is an empty list", 0, WITH_SCP("[]"), TRUST_SCOPES, "an empty list", 0, 0},
    {"scp is an empty list with a space", 0, WITH_SCP("[ ]"), TRUST_SCOPES, "an empty list", 0, 0},
    {"scope is not scp", 0, OF5(AUD, SUB, EXP, JTI, "'scope':['a']"), TRUST_SCOPES, "absent", 0, 0},
    {"scp is a string", 0, WITH_SCP("'tableau:sites:read'"), TRUST_SCOPES_FORM, "a string", 0, 0},
    {"scp is an empty string", 0, WITH_SCP("''"), TRUST_SCOPES_FORM, "a string", 0, 0},
    {"scp is null", 0, WITH_SCP("null"), TRUST_SCOPES_FORM, "null", 0, 0},
    {"scp is a number", 0, WITH_SCP("3"), TRUST_SCOPES_FORM, "a number", 0, 0},
    {"scp is an object", 0, WITH_SCP("{'a':'b'}"), TRUST_SCOPES_FORM, "an object", 0, 0},
    {"scp is true", 0, WITH_SCP("true"), TRUST_SCOPES_FORM, "true", 0, 0},
    {"scp holds a number", 0, WITH_SCP("['a',1]"), TRUST_SCOPES_FORM, "other things than strings",
     0, 0},
    {"scp holds null", 0, WITH_SCP("[null]"), TRUST_SCOPES_FORM, "other things than strings", 0, 0},
    {"scp holds a list", 0, WITH_SCP("[['a']]"), TRUST_SCOPES_FORM, "other things than strings", 0,
     0},

    /* SUBJECT */
    {"no sub", 0, OF5(AUD, EXP, JTI, SCP, "'a':1"), TRUST_SUBJECT, "absent", 0, 0},
    {"sub empty", 0, WITH_SUB("''"), TRUST_SUBJECT, "empty", 0, 0},
    {"sub is a number", 0, WITH_SUB("1001"), TRUST_SUBJECT, "a number", 0, 0},
    {"sub is null", 0, WITH_SUB("null"), TRUST_SUBJECT, "null", 0, 0},
    {"sub is a list", 0, WITH_SUB("['ines']"), TRUST_SUBJECT, "a list", 0, 0},
    {"sub is an object", 0, WITH_SUB("{}"), TRUST_SUBJECT, "an object", 0, 0},
    {"no sub with on-demand access", 0, OF5(AUD, EXP, JTI, SCP, "'https://tableau.com/oda':true"),
     TRUST_SUBJECT, "absent", 0, 0},
};
/* clang-format on */

/* ---- tokens made without the code under test ---- */

struct text {
    char *bytes;
    size_t len;
};

static struct text to_json(struct arena *arena, const char *text)
{
    char *out = arena_strdup(arena, text);
    for (char *at = out; *at; at++)
        if (*at == '\'')
            *at = '"';
    size_t len = strlen(out);
    for (size_t i = 0; i < len; i++)
        if (out[i] == NUL[0])
            out[i] = '\0';
    return (struct text){out, len};
}

static struct text to_base64url(struct arena *arena, const void *bytes, size_t len)
{
    struct text out = {arena_alloc(arena, BASE64_ROOM(len)), 0};
    out.len = base64url_encode(bytes, len, out.bytes);
    return out;
}

static struct text to_mac(struct arena *arena, enum signer signer, struct text input)
{
    unsigned char mac[64] = {0}, decoded[64];
    size_t len = 32, key_len = strlen(SECRET);
    const void *key = SECRET;
    if (signer == BY_DECODED) {
        assert_true(base64_decode(SECRET, key_len, decoded, &key_len));
        assert_int_equal(key_len, 32);
        key = decoded;
    } else if (signer == BY_OTHER) {
        key_len--;
    }
    if (signer != BY_NOTHING)
        assert_non_null(EVP_Q_mac(NULL, "HMAC", NULL, signer == BY_SHA512 ? "SHA512" : "SHA256",
                                  NULL, key, key_len, (const unsigned char *)input.bytes, input.len,
                                  mac, sizeof mac, &len));
    return to_base64url(arena, mac, len);
}

static void append(struct text *out, struct text more)
{
    memcpy(out->bytes + out->len, more.bytes, more.len);
    out->len += more.len;
}

static struct text to_token(struct arena *arena, struct text header, struct text payload,
                            enum signer signer, const char *form)
{
    struct text h = to_base64url(arena, header.bytes, header.len);
    struct text p = to_base64url(arena, payload.bytes, payload.len);
    struct text input = {arena_alloc(arena, h.len + p.len + 1), 0};
    append(&input, h);
    append(&input, (struct text){(char[]){'.'}, 1});
    append(&input, p);
    struct text s = to_mac(arena, signer, input);
    struct text out = {arena_alloc(arena, strlen(form) * (h.len + p.len + s.len) + 1), 0};
    for (; *form; form++) {
        char c = *form == NUL[0] ? '\0' : *form;
        struct text literal = {&c, 1};
        append(&out, c == 'h' ? h : c == 'p' ? p : c == 's' ? s : literal);
    }
    return out;
}

static struct text good_token(struct arena *arena)
{
    return to_token(arena, to_json(arena, HEAD), to_json(arena, GOOD), BY_TEXT, "h.p.s");
}

/* Both steps, on a copy of exactly the right size, so that a read beyond it shows. */
static struct verdict check_token(struct arena *arena, struct text token, struct jwt *jwt_r,
                                  struct trail *trail)
{
    char *exact = malloc(token.len ? token.len : 1);
    assert_non_null(exact);
    memcpy(exact, token.bytes, token.len);
    struct verdict verdict = jwt_parse(arena, exact, token.len, &jwt_policy_default, jwt_r, trail);
    if (!verdict.failed)
        verdict = jwt_verify(arena, jwt_r, SECRET, strlen(SECRET), &jwt_policy_default, NOW * 1000,
                             trail);
    free(exact);
    return verdict;
}

/* ---- the table ---- */

static void assert_printable(const char *text)
{
    assert_non_null(text);
    assert_true(strlen(text) > 0 && strlen(text) < 400);
    for (; *text; text++)
        assert_in_range(*text, 0x20, 0x7E);
}

static void assert_no_secret(const char *text, struct text token)
{
    assert_null(strstr(text, SECRET));
    const char *dot = memrchr(token.bytes, '.', token.len);
    if (dot && token.bytes + token.len - dot > 16) {
        char *signature = strndup(dot + 1, 16);
        assert_null(strstr(text, signature));
        free(signature);
    }
}

static void each_row(void **state)
{
    (void)state;
    struct arena *arena = arena_new(0);
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        const struct row *row = &ROWS[i];
        struct text token = to_token(arena, to_json(arena, row->header ? row->header : HEAD),
                                     to_json(arena, row->payload ? row->payload : GOOD),
                                     row->signer, row->form ? row->form : "h.p.s");
        struct jwt jwt;
        struct verdict verdict = check_token(arena, token, &jwt, NULL);
        bool as_found = !row->found || (verdict.found && strstr(verdict.found, row->found));
        if (verdict.failed != row->failed || !as_found)
            fail_msg("%s: failed %s, found %s", row->name,
                     verdict.failed ? trust_check_row(verdict.failed)->id : "nothing",
                     verdict.found ? verdict.found : "-");
        if (verdict.failed) {
            assert_printable(verdict.expected);
            assert_printable(verdict.found);
            assert_no_secret(verdict.expected, token);
            assert_no_secret(verdict.found, token);
        }
        arena_reset(arena);
    }
    arena_free(&arena);
}

static void the_verdict_in_words(void **state)
{
    (void)state;
    struct arena *arena = arena_new(0);
    struct jwt jwt;
    struct text token = to_token(arena, to_json(arena, HEAD),
                                 to_json(arena, WITH_EXP("1699996155")), BY_TEXT, "h.p.s");
    struct verdict verdict = check_token(arena, token, &jwt, NULL);
    assert_string_equal(verdict.expected, "after 2023-11-14T22:13:20Z (server clock)");
    assert_string_equal(verdict.found, "2023-11-14T21:09:15Z, 3845 s ago");
    token = to_token(arena, to_json(arena, HEAD), to_json(arena, WITH_AUD("'tableaux'")), BY_TEXT,
                     "h.p.s");
    verdict = check_token(arena, token, &jwt, NULL);
    assert_string_equal(verdict.expected, "'tableau'");
    assert_string_equal(verdict.found, "'tableaux'");
    arena_free(&arena);
}

static void checks_carry_their_codes(void **state)
{
    (void)state;
    assert_int_equal(trust_check_row(TRUST_SIGNED)->fine, 10098);
    assert_int_equal(trust_check_row(TRUST_SIZE)->fine, 10103);
    assert_int_equal(trust_check_row(TRUST_LIFETIME)->seed, 16);
    assert_int_equal(trust_check_row(TRUST_KID)->seed, 10085);
    assert_string_equal(trust_check_row(TRUST_SITE)->id, "SITE");
}

/* ---- absence, size, long values ---- */

static void nothing_given(void **state)
{
    (void)state;
    struct arena *arena = arena_new(0);
    struct jwt jwt;
    struct verdict none = jwt_parse(arena, NULL, 0, &jwt_policy_default, &jwt, NULL);
    struct verdict empty = jwt_parse(arena, "", 0, &jwt_policy_default, &jwt, NULL);
    assert_int_equal(none.failed, TRUST_PRESENT);
    assert_int_equal(empty.failed, TRUST_PRESENT);
    assert_string_equal(empty.found, "nothing");
    arena_free(&arena);
}

/* A good token of exactly `size` bytes, or near where no payload gives it. */
static struct text token_of_size(struct arena *arena, size_t size)
{
    for (size_t fill = size / 2; fill < size; fill++) {
        char *filler = arena_zalloc(arena, fill + 1);
        memset(filler, 'x', fill);
        char *payload = arena_printf(arena, OF5(AUD, SUB, EXP, JTI, SCP ",'a':'%s'"), filler);
        struct text token =
            to_token(arena, to_json(arena, HEAD), to_json(arena, payload), BY_TEXT, "h.p.s");
        if (token.len >= size)
            return token;
        fill += (size - token.len) / 2;
    }
    return (struct text){NULL, 0};
}

static void size_is_bounded(void **state)
{
    (void)state;
    struct arena *arena = arena_new(0);
    struct jwt jwt;
    size_t longest = 0, shortest_refused = SIZE_MAX;
    for (size_t size = 7990; size < 8012; size++) {
        struct text token = token_of_size(arena, size);
        struct verdict verdict = check_token(arena, token, &jwt, NULL);
        assert_int_equal(verdict.failed, token.len > 8000 ? TRUST_SIZE : TRUST_OK);
        if (token.len <= 8000 && token.len > longest)
            longest = token.len;
        if (token.len > 8000 && token.len < shortest_refused)
            shortest_refused = token.len;
        if (verdict.failed)
            assert_string_equal(verdict.found, arena_printf(arena, "%zu bytes", token.len));
        arena_reset(arena);
    }
    assert_in_range(longest, 7998, 8000);
    assert_in_range(shortest_refused, 8001, 8003);
    char dots[8001];
    memset(dots, '.', sizeof dots);
    assert_int_equal(jwt_parse(arena, dots, 8001, &jwt_policy_default, &jwt, NULL).failed,
                     TRUST_SIZE);
    assert_int_equal(jwt_parse(arena, dots, 8000, &jwt_policy_default, &jwt, NULL).failed,
                     TRUST_FORM);
    arena_free(&arena);
}

static void long_values_are_shortened(void **state)
{
    (void)state;
    struct arena *arena = arena_new(0);
    char filler[4001];
    memset(filler, 'y', 4000);
    filler[4000] = '\0';
    const char *payloads[] = {
        arena_printf(arena, OF5(AUD, SUB, "'exp':1%s", JTI, SCP), "e400"),
        arena_printf(arena, OF5("'aud':'%s'", SUB, EXP, JTI, SCP), filler),
        arena_printf(arena, OF5("'aud':['%s','%s']", SUB, EXP, JTI, SCP), filler, "x"),
        arena_printf(arena, OF5(AUD, SUB, "'exp':'%s'", JTI, SCP), filler),
        arena_printf(arena, OF5(AUD, SUB, EXP, JTI, SCP ",'iss':'%s'"), filler),
    };
    for (size_t i = 0; i < sizeof payloads / sizeof *payloads; i++) {
        struct jwt jwt;
        struct text token =
            to_token(arena, to_json(arena, HEAD), to_json(arena, payloads[i]), BY_TEXT, "h.p.s");
        struct verdict verdict = check_token(arena, token, &jwt, NULL);
        assert_int_not_equal(verdict.failed, TRUST_OK);
        assert_printable(verdict.found);
    }
    arena_free(&arena);
}

/* As many members as a token holds, and as many scopes: no limit is met but the size. */
static void many_members(void **state)
{
    (void)state;
    struct arena *arena = arena_new(0);
    char *payload = arena_strdup(arena, "{" AUD "," SUB "," EXP "," JTI "," SCP);
    for (int i = 0; i < 500; i++)
        payload = arena_printf(arena, "%s,'%x':%d", payload, i, i);
    struct jwt jwt;
    struct text token =
        to_token(arena, to_json(arena, HEAD), to_json(arena, arena_printf(arena, "%s}", payload)),
                 BY_TEXT, "h.p.s");
    assert_in_range(token.len, 5000, 8000);
    assert_int_equal(check_token(arena, token, &jwt, NULL).failed, TRUST_OK);
    int count = 0;
    for (struct jwt_claim *claim = jwt.claims; claim; claim = claim->next, count++) {
        assert_string_equal(claim->name, arena_printf(arena, "%x", count));
        assert_string_equal(claim->json, arena_printf(arena, "%d", count));
    }
    assert_int_equal(count, 500);
    token = to_token(arena, to_json(arena, HEAD),
                     to_json(arena, arena_printf(arena, "%s,'1f3':0}", payload)), BY_TEXT, "h.p.s");
    assert_int_equal(check_token(arena, token, &jwt, NULL).failed, TRUST_FORM);
    arena_free(&arena);
}

/* ---- what is read ---- */

/* The token printed on the public page about access scopes. */
static const char SAMPLE[] =
    "eyJpc3MiOiI4ZTFiNzE3Mi0zOWMzLTRhMzItODg3ZS1mYzJiNDExOWY1NmQiLCJhbGciOiJIUzI1NiIsImtpZCI6ImIw"
    "MTE1YmY5LTNhNGItNGM5MS1iMDA5LWNmMGMxNzBiMWE1NiJ9.eyJhdWQiOiJ0YWJsZWF1Iiwic3ViIjoicm1vaGFuQHR"
    "hYmxlYXUuY29tIiwic2NwIjpbInRhYmxlYXU6c2l0ZXM6cmVhZCJdLCJpc3MiOiI4ZTFiNzE3Mi0zOWMzLTRhMzItODg"
    "3ZS1mYzJiNDExOWY1NmQiLCJleHAiOjE2NDg2Njg0MzksImp0aSI6IjY1ZWFmMmYxLTNmZTgtNDc5Ny1hZmRiLTMyODM"
    "zZDVmZGJkYSJ9.mUv2o4gtBTrMVLEXY5XTpzDQTGvfE2LGi-3O2vdGfT8";

static void the_sample_is_read(void **state)
{
    (void)state;
    struct arena *arena = arena_new(0);
    struct jwt jwt;
    struct verdict verdict =
        jwt_parse(arena, SAMPLE, strlen(SAMPLE), &jwt_policy_default, &jwt, NULL);
    assert_int_equal(verdict.failed, TRUST_OK);
    assert_string_equal(jwt.alg, "HS256");
    assert_string_equal(jwt.kid, "b0115bf9-3a4b-4c91-b009-cf0c170b1a56");
    assert_string_equal(jwt.iss, "8e1b7172-39c3-4a32-887e-fc2b4119f56d");
    assert_string_equal(jwt.header_iss, jwt.iss);
    assert_string_equal(jwt.sub, "rmohan@tableau.com");
    assert_string_equal(jwt.jti, "65eaf2f1-3fe8-4797-afdb-32833d5fdbda");
    assert_true(jwt.aud_ok_type);
    assert_int_equal(jwt.aud_count, 1);
    assert_string_equal(jwt.aud[0], "tableau");
    assert_int_equal(jwt.exp_state, JWT_TIME_OK);
    assert_int_equal(jwt.exp, 1648668439);
    assert_string_equal(jwt.exp_text, "1648668439");
    assert_int_equal(jwt.nbf_state, JWT_TIME_ABSENT);
    assert_int_equal(jwt.scp_count, 1);
    assert_string_equal(jwt.scp[0], "tableau:sites:read");
    assert_null(jwt.claims);
    assert_false(jwt.oda);
    assert_int_equal(jwt.signature_len, 32);
    assert_int_equal(jwt.signing_len, strlen(SAMPLE) - 44);
    arena_free(&arena);
}

static void on_demand_access(void **state)
{
    (void)state;
    static const struct {
        const char *value;
        bool oda;
    } cases[] = {{"true", true},   {"'true'", true},   {"'\\u0074rue'", true},
                 {"false", false}, {"'false'", false}, {"'TRUE'", false},
                 {"1", false},     {"['true']", false}};
    struct arena *arena = arena_new(0);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct jwt jwt;
        char *payload = arena_printf(arena, OF5(AUD, SUB, EXP, JTI, SCP ",'%s':%s"),
                                     "https://tableau.com/oda", cases[i].value);
        struct text token =
            to_token(arena, to_json(arena, HEAD), to_json(arena, payload), BY_TEXT, "h.p.s");
        assert_int_equal(check_token(arena, token, &jwt, NULL).failed, TRUST_OK);
        assert_int_equal(jwt.oda, cases[i].oda);
        assert_null(jwt.claims);
    }
    arena_free(&arena);
}

static void attributes_keep_their_json(void **state)
{
    (void)state;
    struct arena *arena = arena_new(0);
    struct jwt jwt;
    struct text token = to_token(
        arena, to_json(arena, HEAD),
        to_json(arena,
                PLUS("'R\\u0065gion':'Ea\\u0073t','n': -1.50 ,'l':[ 1, {'a':'b'} ],'t':null")),
        BY_TEXT, "h.p.s");
    assert_int_equal(check_token(arena, token, &jwt, NULL).failed, TRUST_OK);
    static const char *want[][2] = {
        {"Region", "\"Ea\\u0073t\""}, {"n", "-1.50"}, {"l", "[ 1, {\"a\":\"b\"} ]"}, {"t", "null"}};
    struct jwt_claim *claim = jwt.claims;
    for (size_t i = 0; i < sizeof want / sizeof *want; i++, claim = claim->next) {
        assert_non_null(claim);
        assert_string_equal(claim->name, want[i][0]);
        assert_string_equal(claim->json, want[i][1]);
    }
    assert_null(claim);
    arena_free(&arena);
}

static void whole_numbers(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool whole;
        int64_t value;
    } cases[] = {
        {"0", true, 0},
        {"-0.9", true, 0},
        {"1.9", true, 1},
        {"-1.9", true, -1},
        {"1e3", true, 1000},
        {"1.5e3", true, 1500},
        {"1.2345e2", true, 123},
        {"0.001e3", true, 1},
        {"0.0009e3", true, 0},
        {"12345e-3", true, 12},
        {"12345E-5", true, 0},
        {"9007199254740992", true, INT64_C(9007199254740992)},
        {"-9007199254740992", true, -INT64_C(9007199254740992)},
        {"9007199254740992.9", true, INT64_C(9007199254740992)},
        {"9007199254740993", false, 0},
        {"-9007199254740993", false, 0},
        {"9e15", true, INT64_C(9000000000000000)},
        {"9.1e15", false, 0},
        {"0e99999999999999999999", true, 0},
        {"0.0e99999999999999999999", true, 0},
        {"1e-99999999999999999999", true, 0},
        {"1e99999999999999999999", false, 0},
        {"100000000000000000000000000000000e-30", true, 100},
        {"null", false, 0},
        {"\"5\"", false, 0},
        {"[5]", false, 0},
    };
    struct arena *arena = arena_new(0);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *json = arena_printf(arena, "{\"n\":%s}", cases[i].text);
        struct claims claims;
        assert_null(claims_read(arena, json, strlen(json), &claims));
        assert_int_equal(claims.count, 1);
        int64_t value = 0;
        bool whole = claims_whole(&claims.members[0], &value);
        if (whole != cases[i].whole || value != cases[i].value)
            fail_msg("%s: %d, %lld", cases[i].text, whole, (long long)value);
    }
    arena_free(&arena);
}

/* ---- broken at every place ---- */

static void cut_anywhere(void **state)
{
    (void)state;
    struct arena *arena = arena_new(0), *scratch = arena_new(0);
    struct text token = good_token(arena);
    for (size_t len = 0; len < token.len; len++) {
        struct jwt jwt;
        struct verdict verdict = check_token(scratch, (struct text){token.bytes, len}, &jwt, NULL);
        assert_int_not_equal(verdict.failed, TRUST_OK);
        arena_reset(scratch);
    }
    arena_free(&scratch);
    arena_free(&arena);
}

static void flipped_anywhere(void **state)
{
    (void)state;
    struct arena *arena = arena_new(0), *scratch = arena_new(0);
    struct text token = good_token(arena);
    for (size_t bit = 0; bit < token.len * 8; bit++) {
        struct jwt jwt;
        token.bytes[bit / 8] = (char)(token.bytes[bit / 8] ^ (1 << bit % 8));
        assert_int_not_equal(check_token(scratch, token, &jwt, NULL).failed, TRUST_OK);
        token.bytes[bit / 8] = (char)(token.bytes[bit / 8] ^ (1 << bit % 8));
        arena_reset(scratch);
    }
    struct jwt jwt;
    assert_int_equal(check_token(scratch, token, &jwt, NULL).failed, TRUST_OK);
    arena_free(&scratch);
    arena_free(&arena);
}

static void no_key_never_fits(void **state)
{
    (void)state;
    struct arena *arena = arena_new(0);
    struct jwt jwt;
    struct text token = good_token(arena);
    assert_int_equal(check_token(arena, token, &jwt, NULL).failed, TRUST_OK);
    jwt_parse(arena, token.bytes, token.len, &jwt_policy_default, &jwt, NULL);
    /* Right after a good use: the key before must not be at work again. */
    struct verdict none = jwt_verify(arena, &jwt, NULL, 0, &jwt_policy_default, NOW * 1000, NULL);
    struct verdict empty = jwt_verify(arena, &jwt, "", 0, &jwt_policy_default, NOW * 1000, NULL);
    struct verdict cut = jwt_verify(arena, &jwt, SECRET, 43, &jwt_policy_default, NOW * 1000, NULL);
    assert_int_equal(none.failed, TRUST_SIGNATURE);
    assert_int_equal(empty.failed, TRUST_SIGNATURE);
    assert_int_equal(cut.failed, TRUST_SIGNATURE);
    arena_free(&arena);
}

static void milliseconds_of_the_clock(void **state)
{
    (void)state;
    struct arena *arena = arena_new(0);
    struct jwt jwt;
    struct text token = good_token(arena);
    static const struct {
        int64_t now;
        enum trust_check failed;
    } cases[] = {
        {INT64_C(1700000359999), TRUST_OK}, {INT64_C(1700000360000), TRUST_EXPIRY},
        {INT64_C(1699999640000), TRUST_OK}, {INT64_C(1699999639999), TRUST_LIFETIME},
        {INT64_C(-1), TRUST_LIFETIME},      {INT64_C(0), TRUST_LIFETIME},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        jwt_parse(arena, token.bytes, token.len, &jwt_policy_default, &jwt, NULL);
        assert_int_equal(
            jwt_verify(arena, &jwt, SECRET, strlen(SECRET), &jwt_policy_default, cases[i].now, NULL)
                .failed,
            cases[i].failed);
    }
    arena_free(&arena);
}

/* ---- the trail ---- */

struct recorder {
    struct trail trail;
    enum trust_check passed[TRUST_CHECKS];
    size_t count;
};

static void record(struct trail *trail, enum trust_check check, const char *found)
{
    struct recorder *recorder = (struct recorder *)trail;
    assert_printable(found);
    assert_null(strstr(found, SECRET));
    assert_true(recorder->count < TRUST_CHECKS);
    recorder->passed[recorder->count++] = check;
}

static void the_trail_is_in_order(void **state)
{
    (void)state;
    static const enum trust_check order[] = {
        TRUST_PRESENT, TRUST_SIZE,      TRUST_FORM,        TRUST_SIGNED, TRUST_IDS,
        TRUST_ALG,     TRUST_SIGNATURE, TRUST_AUDIENCE,    TRUST_EXPIRY, TRUST_LIFETIME,
        TRUST_JTI,     TRUST_SCOPES,    TRUST_SCOPES_FORM, TRUST_SUBJECT};
    size_t all = sizeof order / sizeof *order;
    struct arena *arena = arena_new(0);
    struct recorder recorder = {.trail = {record}};
    struct jwt jwt;
    assert_int_equal(check_token(arena, good_token(arena), &jwt, &recorder.trail).failed, TRUST_OK);
    assert_int_equal(recorder.count, all);
    assert_memory_equal(recorder.passed, order, sizeof order);
    recorder.count = 0;
    struct text late =
        to_token(arena, to_json(arena, HEAD), to_json(arena, WITH_JTI("''")), BY_TEXT, "h.p.s");
    assert_int_equal(check_token(arena, late, &jwt, &recorder.trail).failed, TRUST_JTI);
    assert_int_equal(recorder.count, 10);
    assert_memory_equal(recorder.passed, order, 10 * sizeof *order);
    arena_free(&arena);
}

/* ---- signing ---- */

static void signed_tokens_pass(void **state)
{
    (void)state;
    struct arena *arena = arena_new(0);
    struct text claims = to_json(arena, GOOD);
    char *token = jwt_sign(arena, ISS, KID, SECRET, claims.bytes);
    assert_non_null(token);
    struct text want = good_token(arena); /* the same members in the same order */
    want.bytes[want.len] = '\0';
    assert_string_equal(token, want.bytes);
    struct jwt jwt;
    assert_int_equal(check_token(arena, (struct text){token, strlen(token)}, &jwt, NULL).failed,
                     TRUST_OK);
    arena_free(&arena);
}

static void signed_ids_are_escaped(void **state)
{
    (void)state;
    struct arena *arena = arena_new(0);
    const char *iss = "a\"b\\c\n\x01\xC3\xA9", *kid = "\",\"alg\":\"none";
    char *token = jwt_sign(arena, iss, kid, SECRET, to_json(arena, GOOD).bytes);
    struct jwt jwt;
    assert_int_equal(check_token(arena, (struct text){token, strlen(token)}, &jwt, NULL).failed,
                     TRUST_OK);
    assert_string_equal(jwt.iss, iss);
    assert_string_equal(jwt.kid, kid);
    assert_string_equal(jwt.alg, "HS256");
    assert_null(jwt_sign(arena, iss, kid, "", "{}"));
    arena_free(&arena);
}

/* ---- threads: each has its own context, released with it ---- */

static void *verify_often(void *result)
{
    struct arena *arena = arena_new(0);
    bool ok = true;
    for (int i = 0; i < 50; i++) {
        char *token = jwt_sign(arena, ISS, KID, SECRET, "{\"a\":1}");
        struct jwt jwt;
        jwt_parse(arena, token, strlen(token), &jwt_policy_default, &jwt, NULL);
        ok = ok &&
             jwt_verify(arena, &jwt, SECRET, strlen(SECRET), &jwt_policy_default, NOW * 1000, NULL)
                     .failed == TRUST_AUDIENCE;
        arena_reset(arena);
    }
    arena_free(&arena);
    *(bool *)result = ok;
    return NULL;
}

static void threads_do_not_meet(void **state)
{
    (void)state;
    pthread_t threads[4];
    bool ok[4] = {false};
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, verify_often, &ok[i]), 0);
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
        assert_true(ok[i]);
    }
}

/* ---- against jansson ---- */

static uint64_t random_state = UINT64_C(0x9E3779B97F4A7C15);

static unsigned pick(unsigned below)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (unsigned)(random_state >> 33) % below;
}

static json_t *random_string(void)
{
    static const char *pieces[] = {"a",
                                   "\"",
                                   "\\",
                                   "\n",
                                   "\t",
                                   "\x01",
                                   "\x7F",
                                   "/",
                                   "\xC3\xA9",
                                   "\xE2\x82\xAC",
                                   "\xF0\x9F\x98\x80",
                                   "u0000",
                                   " ",
                                   "tableau:"};
    char text[128] = "x";
    for (unsigned n = pick(12); n > 0; n--)
        strcat(text, pieces[pick(sizeof pieces / sizeof *pieces)]);
    return json_string(text);
}

static json_t *random_value(unsigned depth)
{
    json_t *out;
    switch (pick(depth ? 7 : 5)) {
    case 0:
        return json_null();
    case 1:
        return json_boolean(pick(2));
    case 2:
        return json_integer((json_int_t)pick(1U << 30) - (1 << 29));
    case 3:
        return json_real((double)pick(100000) / 7.0 - 5000.0);
    case 4:
        return random_string();
    case 5:
        out = json_array();
        for (unsigned n = pick(5); n > 0; n--)
            json_array_append_new(out, random_value(depth - 1));
        return out;
    default:
        out = json_object();
        for (unsigned n = pick(5); n > 0; n--)
            json_object_set_new(out, (const char *[]){"a", "b", "", "\"q"}[pick(4)],
                                random_value(depth - 1));
        return out;
    }
}

static json_t *random_strings(const char *first)
{
    json_t *list = json_array();
    json_array_append_new(list, json_string(first));
    for (unsigned n = pick(6); n > 0; n--)
        json_array_append_new(list, random_string());
    return list;
}

static json_t *random_claims(void)
{
    json_t *claims = json_object();
    json_object_set_new(claims, "sub", random_string());
    json_object_set_new(claims, "jti", random_string());
    json_object_set_new(claims, "exp", json_integer(NOW + pick(600)));
    json_object_set_new(claims, "aud",
                        pick(2) ? json_string("tableau") : random_strings("tableau"));
    json_object_set_new(claims, "scp", random_strings("tableau:content:read"));
    if (pick(2))
        json_object_set_new(claims, "nbf", json_integer(NOW - pick(600)));
    for (unsigned n = pick(6); n > 0; n--) {
        char name[32];
        snprintf(name, sizeof name, "attribute%u", n);
        json_object_set_new(claims, name, random_value(3));
    }
    return claims;
}

static void assert_same_strings(json_t *want, const char **list, size_t count)
{
    if (json_is_string(want)) {
        assert_int_equal(count, 1);
        assert_string_equal(list[0], json_string_value(want));
        return;
    }
    assert_int_equal(count, json_array_size(want));
    for (size_t i = 0; i < count; i++)
        assert_string_equal(list[i], json_string_value(json_array_get(want, i)));
}

static void assert_same_claims(json_t *want, const struct jwt *jwt)
{
    assert_string_equal(jwt->sub, json_string_value(json_object_get(want, "sub")));
    assert_string_equal(jwt->jti, json_string_value(json_object_get(want, "jti")));
    assert_int_equal(jwt->exp, json_integer_value(json_object_get(want, "exp")));
    json_t *nbf = json_object_get(want, "nbf");
    assert_int_equal(jwt->nbf_state, nbf ? JWT_TIME_OK : JWT_TIME_ABSENT);
    assert_int_equal(jwt->nbf, json_integer_value(nbf));
    assert_same_strings(json_object_get(want, "aud"), jwt->aud, jwt->aud_count);
    assert_same_strings(json_object_get(want, "scp"), jwt->scp, jwt->scp_count);
    size_t count = 0;
    for (struct jwt_claim *claim = jwt->claims; claim; claim = claim->next, count++) {
        json_t *value = json_loads(claim->json, JSON_DECODE_ANY, NULL);
        assert_true(json_equal(value, json_object_get(want, claim->name)));
        json_decref(value);
    }
    assert_int_equal(count + 5 + (nbf ? 1 : 0), json_object_size(want));
}

static void the_same_as_jansson_reads(void **state)
{
    (void)state;
    static const size_t flags[] = {0,
                                   JSON_ENSURE_ASCII,
                                   JSON_INDENT(2),
                                   JSON_COMPACT,
                                   JSON_SORT_KEYS | JSON_ENSURE_ASCII,
                                   JSON_ESCAPE_SLASH};
    struct arena *arena = arena_new(0);
    for (int i = 0; i < 1500; i++) {
        json_t *claims = random_claims();
        char *text = json_dumps(claims, flags[pick(sizeof flags / sizeof *flags)]);
        struct text token = to_token(arena, to_json(arena, HEAD), (struct text){text, strlen(text)},
                                     BY_TEXT, "h.p.s");
        struct jwt jwt;
        struct verdict verdict = check_token(arena, token, &jwt, NULL);
        if (verdict.failed)
            fail_msg("%s: %s", text, verdict.found);
        assert_same_claims(claims, &jwt);
        free(text);
        json_decref(claims);
        arena_reset(arena);
    }
    arena_free(&arena);
}

/* Broken text is refused by both or read by both. jansson has a limit of its
 * own for numbers; nesting stays below ours. */
static void the_same_as_jansson_refuses(void **state)
{
    (void)state;
    static const char odd[] = "{}[]\",:\\u0eE+-.19tfn /\x80\xC3\xED\xF0\n";
    struct arena *arena = arena_new(0);
    unsigned refused = 0, read = 0;
    for (int i = 0; i < 6000; i++) {
        json_t *claims = random_claims();
        char *text = json_dumps(claims, pick(2) ? JSON_ENSURE_ASCII : 0);
        size_t len = strlen(text);
        for (unsigned n = 1 + pick(2); n > 0; n--)
            text[pick((unsigned)len)] = odd[pick(sizeof odd - 1)];
        json_error_t error;
        json_t *theirs = json_loadb(text, len, JSON_REJECT_DUPLICATES, &error);
        bool range = !theirs && json_error_code(&error) == json_error_numeric_overflow;
        struct claims ours;
        const char *fault = claims_read(arena, arena_strndup(arena, text, len), len, &ours);
        if (!range && !theirs != (fault != NULL))
            fail_msg("%s: we say %s", text, fault ? fault : "good");
        if (theirs)
            assert_int_equal(ours.count, json_object_size(theirs));
        refused += fault != NULL;
        read += fault == NULL;
        json_decref(theirs);
        free(text);
        json_decref(claims);
        arena_reset(arena);
    }
    assert_true(refused > 500 && read > 500);
    arena_free(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_row),
        cmocka_unit_test(the_verdict_in_words),
        cmocka_unit_test(checks_carry_their_codes),
        cmocka_unit_test(nothing_given),
        cmocka_unit_test(size_is_bounded),
        cmocka_unit_test(long_values_are_shortened),
        cmocka_unit_test(many_members),
        cmocka_unit_test(the_sample_is_read),
        cmocka_unit_test(on_demand_access),
        cmocka_unit_test(attributes_keep_their_json),
        cmocka_unit_test(whole_numbers),
        cmocka_unit_test(cut_anywhere),
        cmocka_unit_test(flipped_anywhere),
        cmocka_unit_test(no_key_never_fits),
        cmocka_unit_test(milliseconds_of_the_clock),
        cmocka_unit_test(the_trail_is_in_order),
        cmocka_unit_test(signed_tokens_pass),
        cmocka_unit_test(signed_ids_are_escaped),
        cmocka_unit_test(threads_do_not_meet),
        cmocka_unit_test(the_same_as_jansson_reads),
        cmocka_unit_test(the_same_as_jansson_refuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
