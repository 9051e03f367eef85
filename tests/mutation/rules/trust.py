# SPDX-License-Identifier: Apache-2.0
"""Whom a node believes: what goes wrong with one node's certificate must not reach the others."""
from mutation.mutant import Mutant

TRUST = ("unit shipping.tls_trust",)

MUTANTS = [
    Mutant(
        "trust/list-not-asked",
        "a list of revoked certificates is loaded, and nobody looks into it",
        ("FR-2",),
        "shipping/tls_trust.c",
        before="    AERO_ASSERT(X509_STORE_set_flags(store, X509_V_FLAG_CRL_CHECK) == 1);\n",
        after="",
        judges=TRUST),
    Mutant(
        "trust/list-of-anybody",
        "a list that a stranger signed is taken",
        ("FR-1",),
        "shipping/tls_trust.c",
        before="|| !is_signed_by_ours(store, list)",
        after="",
        judges=TRUST),
    Mutant(
        "trust/no-list-no-matter",
        "a list that is none counts as an empty one",
        ("FR-1",),
        "shipping/tls_trust.c",
        before="    return count > 0 ? aero_ok()",
        after="    return true ? aero_ok()",
        judges=TRUST),
    Mutant(
        "trust/list-that-cannot-be-read",
        "a list that is there and cannot be opened counts as none",
        ("FR-1",),
        "shipping/tls_trust.c",
        before="    if (status.code == AERO_NOT_FOUND) {",
        after="    if (!aero_is_ok(status)) {",
        judges=TRUST),
    Mutant(
        "trust/dates-end-links",
        "an open link ends at a reload because a date has passed",
        ("FR-2",),
        "shipping/tls.c",
        before="SSL_get_peer_cert_chain(tls->ssl),\n"
               "                                       X509_V_FLAG_NO_CHECK_TIME);",
        after="SSL_get_peer_cert_chain(tls->ssl),\n"
              "                                       0);",
        judges=TRUST),
    Mutant(
        "trust/handshake-by-the-old-list",
        "whoever began its handshake before the list came is let in",
        ("FR-2",),
        "shipping/listener_libevent.c",
        before="    drop_unproven(listener);\n",
        after="",
        judges=("unit shipping.transport",)),
    Mutant(
        "trust/revoked-replica-stays",
        "a replica keeps its link although its certificate is revoked",
        ("FR-2",),
        "primary/host_link.c",
        before="    close_untrusted(link);\n",
        after="",
        judges=("unit primary.host_link",)),
    Mutant(
        "trust/unanswered-replica-stays",
        "a replica that was not answered yet keeps its link although its certificate is revoked",
        ("FR-2",),
        "primary/host_link.c",
        before="        if (replica->connection != NULL &&\n            !aero_connection_is_trusted_by(",
        after="        if (aero_link_is_shipping(replica) &&\n            !aero_connection_is_trusted_by(",
        judges=("unit primary.host_link",)),
    Mutant(
        "trust/revoked-primary-stays",
        "a replica follows a primary whose certificate is revoked",
        ("FR-2", "REP-5"),
        "replica/host_link.c",
        before="        aero_replica_close_link(link->options.replica, text);\n",
        after="        ;\n",
        judges=("unit replica.host_link",)),
    Mutant(
        "trust/dial-by-the-old-list",
        "a dial that began before the list came goes on",
        ("FR-2",),
        "replica/host_link.c",
        before="    if (!link->is_open) {\n        aero_connection_close(link->connection);\n    } else if",
        after="    if (!link->is_open) {\n    } else if",
        judges=("unit replica.host_link",)),
    Mutant(
        "trust/list-not-watched",
        "a list that changes is seen at the next start",
        ("FR-2",),
        "host/certs.c",
        before="\"crl.pem\"};",
        after="\"node.key\"};",
        judges=("unit host.certs",)),
    Mutant(
        "trust/expired-list-replaces-a-good-one",
        "a list that has expired takes the place of one that counts",
        ("FR-2",),
        "host/certs.c",
        before="    if (!is_valid && certs->context != NULL && aero_tls_context_was_valid(certs->context)) {",
        after="    if (false) {",
        judges=("unit host.certs",)),
]
