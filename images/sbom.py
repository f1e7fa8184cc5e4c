#!/usr/bin/env python3
"""sbom.py PROGRAM ARCH OUT DEPS: writes to standard output, as SPDX 2.3 JSON, what is linked into the
PROGRAM that `compile` left in OUT. The linker's map says which archives gave it objects; dpkg's database, or for the
archives under DEPS their own notes, say which package and version each archive is of. An archive that
belongs to no package is an error. Also listed: the packages it was built with."""

import hashlib
import json
import os
import re
import subprocess
import sys
from datetime import datetime, timezone
from urllib.parse import quote

# By Debian source package: what of it ends up in a binary is under these terms.
LICENSES = {
    "boost1.74": "BSL-1.0",
    "cross-toolchain-base": "LGPL-2.1-or-later",  # glibc, for another architecture
    "gcc-12": "GPL-3.0-or-later WITH GCC-exception-3.1",
    "gcc-12-cross": "GPL-3.0-or-later WITH GCC-exception-3.1",
    "glibc": "LGPL-2.1-or-later",
    "libcap2": "BSD-3-Clause OR GPL-2.0-only",
    "libpcap": "BSD-3-Clause",
    "nghttp2": "MIT",
    "openssl": "Apache-2.0",
    "pcre3": "BSD-3-Clause",
    "poco": "BSL-1.0",
    "prometheus-cpp": "MIT",
    "re2": "BSD-3-Clause",
    "zlib": "Zlib",
}


def installed(package):
    """The fields of an installed package: name, architecture, version, source, source's version."""
    form = "${Package} ${Architecture} ${Version} ${source:Package} ${source:Version}\n"
    query = ["dpkg-query", "-W", "-f", form, package]
    line = subprocess.run(query, check=True, capture_output=True, text=True).stdout.splitlines()[0]
    return dict(zip(("name", "arch", "version", "source", "source_version"), line.split()))


def linked_archives(link_map):
    """The archives and objects outside the build tree that the linker took something from."""
    paths = re.findall(r"^(?:LOAD )?(/[^\s()]+\.[ao])(?:\([^)]*\))?$", link_map, re.MULTILINE)
    used = set(re.findall(r"^(/[^\s()]+\.a)\([^)]*\)$", link_map, re.MULTILINE))
    return sorted({os.path.realpath(p) for p in paths if p.endswith(".o") or p in used})


def source_of(archive, deps):
    """The package an archive is of."""
    notes = os.path.join(deps, "share/sources")
    if archive.startswith(deps + "/"):
        base = os.path.basename(archive)
        name = {"libPoco": "poco", "libpcap": "libpcap", "libprom": "prometheus-cpp"}[base[:7]]
        with open(os.path.join(notes, name + ".version"), encoding="utf-8") as file:
            version = file.read().strip()
        return {"name": name, "arch": "source", "version": version, "source": name,
                "source_version": version}
    owner = subprocess.run(["dpkg-query", "-S", archive], capture_output=True, text=True, check=False)
    if owner.returncode != 0:
        sys.exit(f"sbom.py: {archive} is linked and belongs to no package")
    return installed(owner.stdout.rsplit(": ", 1)[0].split(", ")[0])


def spdx_package(package, purpose):
    name, arch, version = package["name"], package["arch"], package["version"]
    locator = f"pkg:deb/debian/{quote(name, safe='')}@{quote(version, safe='')}"
    license_id = LICENSES.get(package["source"], "NOASSERTION") if purpose == "LIBRARY" else "NOASSERTION"
    return {
        "SPDXID": "SPDXRef-" + re.sub(r"[^A-Za-z0-9.-]", "-", f"{name}-{arch}"),
        "name": name,
        "versionInfo": version,
        "supplier": "Organization: Debian",
        "downloadLocation": "NOASSERTION",
        "filesAnalyzed": False,
        "sourceInfo": f"built from Debian source {package['source']} {package['source_version']}",
        "licenseConcluded": license_id,
        "licenseDeclared": license_id,
        "copyrightText": "NOASSERTION",
        "primaryPackagePurpose": purpose,
        "externalRefs": [{
            "referenceCategory": "PACKAGE-MANAGER",
            "referenceType": "purl",
            "referenceLocator": f"{locator}?arch={arch}&distro=debian-12",
        }],
    }


def main(program, arch, out, deps):
    here = os.path.dirname(os.path.abspath(__file__))
    with open(f"{here}/../CMakeLists.txt", encoding="utf-8") as file:
        version = re.search(r"^project\(\w+ VERSION ([0-9.]+)", file.read(), re.MULTILINE).group(1)
    with open(f"{out}/rootfs/{program}", "rb") as file:
        digest = hashlib.sha256(file.read()).hexdigest()
    with open(f"{out}/map", encoding="utf-8", errors="replace") as file:
        link_map = file.read()
    libraries = {}
    for archive in linked_archives(link_map):
        package = source_of(archive, os.path.realpath(deps))
        libraries[package["name"], package["arch"]] = package
    tools = {}
    wanted = subprocess.run([here + "/toolchain", "--list", arch], check=True, capture_output=True,
                            text=True).stdout.split()
    for package in map(installed, wanted):
        if (package["name"], package["arch"]) not in libraries:
            tools[package["name"], package["arch"]] = package

    created = datetime.fromtimestamp(int(os.environ["SOURCE_DATE_EPOCH"]), timezone.utc)
    root = "SPDXRef-" + program
    packages = [{
        "SPDXID": root,
        "name": program,
        "versionInfo": version,
        "downloadLocation": "NOASSERTION",
        "filesAnalyzed": False,
        "licenseConcluded": "Apache-2.0",
        "licenseDeclared": "Apache-2.0",
        "copyrightText": "NOASSERTION",
        "primaryPackagePurpose": "APPLICATION",
        "checksums": [{"algorithm": "SHA256", "checksumValue": digest}],
    }]
    relations = [("SPDXRef-DOCUMENT", "DESCRIBES", root)]
    for _, package in sorted(libraries.items()):
        packages.append(spdx_package(package, "LIBRARY"))
        relations.append((root, "STATIC_LINK", packages[-1]["SPDXID"]))
    for _, package in sorted(tools.items()):
        packages.append(spdx_package(package, "OTHER"))
        relations.append((packages[-1]["SPDXID"], "BUILD_DEPENDENCY_OF", root))
    document = {
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": "SPDXRef-DOCUMENT",
        "name": f"{program}-{version}-{arch}",
        "documentNamespace": f"https://spdx.org/spdxdocs/{program}-{version}-{arch}-{digest[:32]}",
        "creationInfo": {
            "created": created.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "creators": ["Tool: dormouse-images-sbom"],
        },
        "packages": packages,
        "relationships": [{"spdxElementId": a, "relationshipType": kind, "relatedSpdxElement": b}
                          for a, kind, b in relations],
    }
    json.dump(document, sys.stdout, indent=1, ensure_ascii=False)
    print()


if __name__ == "__main__":
    if len(sys.argv) != 5:
        sys.exit(__doc__)
    main(*sys.argv[1:])
