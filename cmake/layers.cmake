# SPDX-License-Identifier: Apache-2.0
# aero_layer(NAME USES ...): every .c file of the folder except main.c, as the static library aero_NAME.
# A folder with .proto files gets their C code generated in the build tree.
# aero_daemon(PROGRAM FOLDER): the program from FOLDER/main.c, in bin/.
function(aero_layer name)
    cmake_parse_arguments(layer "" "" "USES" ${ARGN})
    file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/${name}/*.c)
    list(FILTER sources EXCLUDE REGEX "/main\\.c$")
    file(GLOB messages CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/${name}/*.proto)
    set(generated "")
    foreach(message ${messages})
        get_filename_component(stem ${message} NAME_WE)
        set(base ${CMAKE_BINARY_DIR}/generated/${name}/${stem}.pb-c)
        file(MAKE_DIRECTORY ${CMAKE_BINARY_DIR}/generated/${name})
        add_custom_command(OUTPUT ${base}.c ${base}.h
            COMMAND ${PROTOC_C} --c_out=${CMAKE_BINARY_DIR}/generated/${name}
                    --proto_path=${CMAKE_SOURCE_DIR}/${name} ${message}
            DEPENDS ${message})
        set_source_files_properties(${base}.c PROPERTIES COMPILE_OPTIONS "-w")
        list(APPEND generated ${base}.c ${base}.h)
    endforeach()
    set(uses "")
    foreach(use ${layer_USES})
        if(TARGET aero_${use})
            list(APPEND uses aero_${use})
        endif()
    endforeach()
    if(sources OR generated)
        add_library(aero_${name} STATIC ${sources} ${generated})
        target_include_directories(aero_${name} SYSTEM PRIVATE ${CMAKE_BINARY_DIR}/generated)
        target_link_libraries(aero_${name} PUBLIC ${uses})
    else()
        add_library(aero_${name} INTERFACE)
        target_link_libraries(aero_${name} INTERFACE ${uses})
    endif()
endfunction()

function(aero_daemon program folder)
    if(EXISTS ${CMAKE_SOURCE_DIR}/${folder}/main.c)
        add_executable(${program} ${CMAKE_SOURCE_DIR}/${folder}/main.c)
        target_link_libraries(${program} PRIVATE aero_${folder})
    endif()
endfunction()
