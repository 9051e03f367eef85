# SPDX-License-Identifier: Apache-2.0
# Third-party libraries, all from Debian packages (docs/dependencies.md says why each). Each becomes aero::NAME.
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)

function(aero_dependency name)
    pkg_check_modules(${name} REQUIRED IMPORTED_TARGET ${ARGN})
    add_library(aero_${name} INTERFACE)
    target_link_libraries(aero_${name} INTERFACE PkgConfig::${name} Threads::Threads)
    add_library(aero::${name} ALIAS aero_${name})
endfunction()

aero_dependency(xxhash libxxhash)
aero_dependency(inih inih)
aero_dependency(protobuf-c libprotobuf-c)
aero_dependency(openssl openssl)
aero_dependency(libevent libevent_core)
aero_dependency(systemd libsystemd)
aero_dependency(json-c json-c)
find_program(PROTOC_C protoc-c REQUIRED)
