/* vectors: public keys and signatures over INPUT, made once by the Python package
 * cryptography; `easel` made none of them. Members of a JWK without kid, use and
 * alg, with ' for ". */
#ifndef EASEL_TESTS_VECTORS_H
#define EASEL_TESTS_VECTORS_H

#define INPUT "eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0"
#define RSA_MEMBERS                                                                        \
    "'kty':'RSA','n':'n6zvIka9AmPjUshelMrNMS4AGI_hxHmmOFq_6NbcW-988tqOay88Ru_-FyDQc2O7__D" \
    "caDBWzUVH4FYm3wLAbcm4Y6zxGJGDJWaquim8_T1E4TXF_-bgOxITqbcaPM8s_fZdM-W41cDsEWIVlK8Aawb" \
    "PeOVzz_nr14iiHniZccBriGS16e-rOOOLbbJGJegzwplUWFoOdEQIApVnR5rl6tS54E9BpdudGT8pgVfuNGf" \
    "bzAKHGhqEFN4JqB_L_4UUI1W_pS_5pqK2bnnYK0s3ULX-SULsMpSpqhzh_HMycgJSgZettjH4KxPnZyhf_J-" \
    "I2oB9NFkc_beAz3GOM-VhMQ','e':'AQAB'"

static const struct vector {
    const char *alg, *members, *signature;
} VECTORS[] = {
    {"RS256", RSA_MEMBERS,
     "jwFhtskmKkz5kvf9PVLntUNS8C13ZmDe5oXr02efHhNXBlJvYVqZJQhLrUmDMGDRvaE86TilC8iN4a4XPdOj"
     "lGrRmVsIZJQ4-WumNmVRYpP2Y8jh9j7d72b00TXjXte_n-2RI-6peXVUwly7huJm3ezSqsCs9nUieo-8jFin"
     "S8PquuRzCIX4w8xMGl8aPheTdE59weY6mcf79Bos6n6gx-48jxldgiEkzpcYWnYz_MokQzUhvEqfb04czh7_"
     "u1cP-oNJjEtcXxpUz8Hoy-ksxgEsUcKfSlqxTPKv5PIsV0ilQ_RGcetChEY3DFJfk6inkU1FZVol5pE21dat"
     "3pwWAA"},
    {"RS384", RSA_MEMBERS,
     "L42kskupggJKTTO8YhIH_sMCK1qVB88xKWkjyqQcFWp8NKu8owg00YmlHhvpP37X10wi0LW2X8j_Vp6raloH"
     "fHqRCmznuuMI7ZAzW-1SAETT4Gl-X1kFNHKdojsDWpF6qjalBYldXhyFYCkQr2gHpEMEt67hkVH9b4fVa2Nw"
     "RKlD4PqEmzP1pe1UuqP3-sHt3mAsbuwJnozfzf5NoaW9blwoX9x77NE3ZB4UDy_HkER8o_pWdcFPwqxVzIQ3"
     "IG9dKEAEF_ZjJ6ingjq13C0Di1J97TgihL8Gq2lUGvx_AEpb0_VGm7ddMdTjEDWmdAuSrMOMTdITJ5iCYCPt"
     "QbRYfQ"},
    {"RS512", RSA_MEMBERS,
     "GxT0fV9O1dLntfWuV0XYopZ0KFwEhidOoPg3fN-14hJC8aU68epxA7oZ3Z9ZBx3iLu7kfM_Qy0dY0xMm8KXc"
     "7IcP_7GfLrb2oBABUWI8VmJTGm5peteJR8uGCtZXfVGJ8uRrC3c6vxuUQurVJ9iYl9dkYfZ_FbY8RxnqBHp8"
     "mkwt7RdXTcqItHrJNSsr6WPMImzYjLlnevs_8XWDMC4HNXH2zUHbDk67oJ01hVcNy_EI8k6I_zf-iPv3826K"
     "zKYLRTOHG9hOFDwKXarcs8lemff0L5l0KcWWpM-A7j0MdsAJnip1aA1XjdN4ADZuwczgxC2FwRZX46AZc7Nx"
     "moSZuQ"},
    {"PS256", RSA_MEMBERS,
     "AhBczIEb8yaar-azlfkPXyKX-0XV28YNz_BOVsr9mPMYcLjDdu7a49-iT1e7OHEDCFQRdoSTWpQZBFymV06w"
     "I124woPw-t504bHmLJugJ8muAq6PhGJg_6ci8R5c1l_UyWNnQM9b3zRdIs3PggIs_bnSHWIVM3wBOp7xQsNn"
     "VyJTXUqcTwCCoNRJ0ZWG6pVDCwxSGLChKur2vDrvw4kIOx_VLfB-M8A1Zinu__ieDnOEw7WCEaT0WyK_weQ-"
     "IEARQD7hIG9y0QPy3BoYKSFJC9exYPyJmjyPDs-F9XI9fPfcZe8tjDEwmL3Gh__iZ5oGwR-23YEDUnaO8LYl"
     "JFpZ4w"},
    {"PS384", RSA_MEMBERS,
     "ZS8bawG1lHJVL0P5fB1JPAjPpOpcl12Rw59uM7vCv7cxnFojIOwPOxEXtvL-isGKVMOdkoG0F5dWrdEizTjJ"
     "blpC_75PINXOYMJA5LWV4IxtDTmwBvFDAN0QMoWu5eUMPzTnc4Xg6aE31IF3DtJd4bIpevQrrW8VqPXylMsg"
     "ruJFwKZ7Z2Cd47XO2ogSh0m6KTcoBa6kxFaNHPiCM-r9ib8c-eGJcA6yHBsN65L8tFccpmFHU2Tyz5RUmK3i"
     "VjTolWvzAqa72imdtDCkXbcxzz_s-ueErTtNgHpGDTYonxGhRaEVJvhcckwXtBlLdVYSIl4uOa3cEYf8wY5r"
     "A8VdFg"},
    {"PS512", RSA_MEMBERS,
     "cK7CtMY8MJr76UMLFu0SEpTn7TEwk7lOPusXQ3hlJhDKgqOKQNq9fjgaeMQYjErZEL1y671ZC3xSe7c9YqGP"
     "7E_UrxgA3F66y86V59lE4Tmdvg4OMfWMQi-LYeyAJ3ijyYY6HPpsXJzOq5g56mYNV97m-JiKURac7Gz89JRp"
     "XmwRkOg7DYyO2XHcy1e6c4UQV-WmON7hjejcUsYtyPxy3L92Em3RC1ME3wHT9HjWsZ8ot8h4d5ABjhi4IyiV"
     "SJOgwP-2Aqap6fhUuK-eYGY03KcqERdTRNFf-0lEis95np9jN0JIFtcath3RhDpaFI_lMe0azN4txdpUpD7h"
     "r40dpA"},
    {"ES256",
     "'kty':'EC','crv':'P-256','x':'wB_xPUL_08SPnGWLKRKFF7fv1_vso3t5i7HcxpkPCtM','y':'ljVH"
     "HBcg7Y1iRRX8tbWok8qMOl0ZGPQqWp6MCesntk4'",
     "s91rsZzCWkBfF9aTfqsXckvug9ZNJPGAtltVs30SgMg_ke__nORkQUP6c5PpqJjJklmsHsgJ13Ogg174Vb2J"
     "cQ"},
    {"ES384",
     "'kty':'EC','crv':'P-384','x':'WaH3nmEqFtYWpOmTBBa51kIakwQcyKS646NYx_HOIUxpnAvrgfIcAq"
     "iETcuFVJK0','y':'qIY7ld9bIY93-O-FQ83jRcbtwv94GPH71OcZ85ErQkSUrAhUDdyq_wrP4mf-kdy7'",
     "uR-MwbLTiIvdYMdBnPDmd2DpTiELO6QaXuMkir_9bcVlDYexm1ZYqHCYGvguJ5ZMpVX6fYJkjWYiS_6138cs"
     "vfR8LWvvMU5ihKYqU9kiPMZMjxGwpNHKxweYJ9XpZaOE"},
    {"ES512",
     "'kty':'EC','crv':'P-521','x':'AHKCCxVQe0853PbWG7jMT1NdTFd6w5y1G5M36IOMSEyRUa9fBJCiNt"
     "-xlRBY0KWJ4NNAz4e61gT6mwbUbJG4W7p5','y':'AKUUF05PDP90punYcZGSEu0Jo5wLIwRyV_16rByfuv9"
     "mTsm5EOg50LGjFbaDFocHLenYIfVoKU9UC2WOcrFGM-Jq'",
     "ALtBfoOfzmoNtuFWsvh6_bH7zBU-E4BH81_sWLHJZCGEFG6oxSPZK2aX0eh5bb9SitefiFs0LE77OIWcP06C"
     "TOvpACev6cCpuKjoClPO06KPcHmTRMFnMlpCPtuzsWZQPPPXgvgRzU2tz6yqQmkxCt2LXupWhRDCQYXXwtX-"
     "MVoA1_Hn"},
    {"EdDSA", "'kty':'OKP','crv':'Ed25519','x':'XPrzEQF3m_bRpkiTZZRxI8k7_MNUkGNkoGfcQtGG0e8'",
     "f1-2MiWZv-M55vjNWSkZljwcambCujLLGSUG_eio1ONXtYm3tzFotTcUIghab9yN6bdbPFAJJFj7mRDI3qpj"
     "Cw"},
};

#define WEAK_MEMBERS                                                                       \
    "'kty':'RSA','n':'myFoBnzbW_pLNTMcKFOqWdRr6-nvxSQe6ztPopVfhKwPKQXLhE_yathEX3fMxIQmnzj" \
    "0ggsKHg3MxV2uUv3ny4jPfq1qWj4oCTKhLp__FY2wl0V5oOn2rYgVbqxffbLKgUnwpWSD7DTeu2cDv5pc6aT" \
    "cW2-8jxuLi5eSbi9_jzM','e':'AQAB'"

#endif
