# SPDX-License-Identifier: Apache-2.0
# What every target is compiled with. Warnings are errors: a warning that nobody reads is noise.
add_compile_options(-Wall -Wextra -Wconversion -Wshadow -Wstrict-prototypes -Wmissing-prototypes
                    -Wformat=2 -Werror -fno-common)
if(CMAKE_C_COMPILER_ID STREQUAL "GNU")
    # snprintf cuts names and reasons on purpose; gcc sees that only at some optimisation levels.
    add_compile_options(-Wno-format-truncation)
endif()
add_compile_definitions(_GNU_SOURCE AERO_VERSION="${PROJECT_VERSION}")
include_directories(${CMAKE_SOURCE_DIR} ${CMAKE_BINARY_DIR})

if(AERO_HARDEN)
    add_compile_options(-fstack-protector-strong -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2
                        -fstack-clash-protection)
    add_link_options(-pie -Wl,-z,relro,-z,now,-z,noexecstack)
endif()
if(AERO_SANITIZE)
    add_compile_options(-fsanitize=${AERO_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
    add_link_options(-fsanitize=${AERO_SANITIZE})
endif()
if(AERO_COVERAGE)
    # Lines, branches and MC/DC from the source itself; gcc 12 and clang 14 know no MC/DC.
    if(NOT CMAKE_C_COMPILER_ID STREQUAL "Clang" OR CMAKE_C_COMPILER_VERSION VERSION_LESS 18)
        message(FATAL_ERROR "coverage with MC/DC needs clang 18 or newer")
    endif()
    # Atomic: a count that two threads lose makes branches that were taken look as if they were not.
    add_compile_options(-fprofile-instr-generate -fprofile-update=atomic -fcoverage-mapping -fcoverage-mcdc)
    add_link_options(-fprofile-instr-generate)
endif()
if(AERO_FUZZ)
    add_compile_options(-fsanitize=fuzzer-no-link)
endif()
