# pellucid_add_plugin(<name> <source>... [PARTS <source>...] [LIBRARIES <target>...]
#                     [VERSION <version>] [OUTPUT_DIRECTORY <folder>])
#
# Builds one plugin library named <name> with one component per source, named as its file, and puts it
# where the loader looks: <build>/plugins in the build tree, ${CMAKE_INSTALL_LIBDIR}/pellucid/plugins
# when installed. The table of components and the stamp are generated from this list. PARTS are sources
# that components share and that are none themselves. A plugin with an OUTPUT_DIRECTORY of its own, such
# as a test needs, is not installed. Works the same inside this repository and after
# find_package(Pellucid).

# One precompiled ATen/ATen.h for all plugins and tests of a project. It costs 20 s and 400 MB once
# and saves 4 s a file, so that a project of few plugins is better off without.
function(pellucid_use_precompiled_torch target)
  if(NOT PELLUCID_PRECOMPILED_HEADERS)
    return()
  endif()
  if(NOT TARGET pellucid_precompiled_torch)
    set(empty ${PROJECT_BINARY_DIR}/pellucid_precompiled_torch.cpp)
    file(CONFIGURE OUTPUT ${empty} CONTENT "// Carries the precompiled ATen/ATen.h.\n")
    add_library(pellucid_precompiled_torch OBJECT ${empty})
    target_link_libraries(pellucid_precompiled_torch PRIVATE Pellucid::torch)
    if(TARGET pellucid_build_options)
      target_link_libraries(pellucid_precompiled_torch PRIVATE pellucid_build_options)
    endif()
    target_precompile_headers(pellucid_precompiled_torch PRIVATE <ATen/ATen.h>)
    pellucid_compile_as_plugin(pellucid_precompiled_torch)
  endif()
  target_precompile_headers(${target} REUSE_FROM pellucid_precompiled_torch)
endfunction()

# What must be equal in everything that shares the precompiled header.
function(pellucid_compile_as_plugin target)
  set_target_properties(${target} PROPERTIES
    CXX_EXTENSIONS OFF
    CXX_VISIBILITY_PRESET hidden
    VISIBILITY_INLINES_HIDDEN ON
    POSITION_INDEPENDENT_CODE OFF)
  target_compile_options(${target} PRIVATE -fPIC $<$<CXX_COMPILER_ID:GNU>:-fpch-preprocess>)
endfunction()

# A text that includes a source with what is defined for it alone.
function(pellucid_including path definitions result)
  set(text "")
  foreach(definition IN LISTS definitions)
    string(REPLACE "=" " " definition "${definition}")
    string(APPEND text "#define ${definition}\n")
  endforeach()
  string(APPEND text "#include \"${path}\"\n")
  foreach(definition IN LISTS definitions)
    string(REGEX REPLACE "=.*" "" macro "${definition}")
    string(APPEND text "#undef ${macro}\n")
  endforeach()
  set(${result} "${text}" PARENT_SCOPE)
endfunction()

# A class that only one source defines may have members of types that only it knows; GCC takes an
# included source for a header.
function(pellucid_allow_unity target)
  target_compile_options(${target} PRIVATE $<$<CXX_COMPILER_ID:GNU>:-Wno-subobject-linkage>)
endfunction()

# Writes sources that include up to eight each: from nothing that takes half the time.
function(pellucid_unite name texts result)
  list(LENGTH texts count)
  math(EXPR groups "(${count} + 7) / 8")
  set(sources "")
  foreach(group RANGE 1 ${groups})
    set(source ${CMAKE_CURRENT_BINARY_DIR}/${name}_${group}.cpp)
    math(EXPR first "(${group} - 1) * ${count} / ${groups}")
    math(EXPR size "${group} * ${count} / ${groups} - ${first}")
    list(SUBLIST texts ${first} ${size} united)
    string(JOIN "" text ${united})
    file(CONFIGURE OUTPUT ${source} CONTENT "${text}" @ONLY)
    list(APPEND sources ${source})
  endforeach()
  set(${result} ${sources} PARENT_SCOPE)
endfunction()

function(pellucid_add_plugin name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "VERSION;OUTPUT_DIRECTORY" "LIBRARIES;PARTS")
  set(sources ${arg_UNPARSED_ARGUMENTS})
  if(NOT sources)
    message(FATAL_ERROR "pellucid_add_plugin(${name}): a plugin needs at least one source")
  endif()
  if(NOT arg_VERSION)
    set(arg_VERSION ${PROJECT_VERSION})
  endif()
  if(NOT arg_VERSION)
    set(arg_VERSION 0.0.0)
  endif()

  set(paths "")
  set(defined "")
  foreach(source IN LISTS sources)
    cmake_path(GET source STEM LAST_ONLY component)
    string(MAKE_C_IDENTIFIER ${component} identifier)
    set(names "PELLUCID_COMPONENT_NAME=\"${component}\""
      PELLUCID_COMPONENT_SYMBOL=pellucid_component_${identifier}
      PELLUCID_COMPONENT_MANUAL=pellucid_manual_${identifier})
    cmake_path(ABSOLUTE_PATH source OUTPUT_VARIABLE path)
    list(APPEND paths ${path})
    if(PELLUCID_UNITY)
      pellucid_including(${path} "${names}" text)
      list(APPEND defined "${text}")
    else()
      set_source_files_properties(${source} PROPERTIES COMPILE_DEFINITIONS "${names}")
    endif()
  endforeach()
  set(compiled ${sources} ${arg_PARTS})
  if(PELLUCID_UNITY)
    foreach(part IN LISTS arg_PARTS)
      cmake_path(ABSOLUTE_PATH part OUTPUT_VARIABLE path)
      pellucid_including(${path} "" text)
      list(APPEND defined "${text}")
    endforeach()
    pellucid_unite(${name} "${defined}" compiled)
  endif()

  # Made while building, because it holds each component's manual: the comment its source begins with.
  set(descriptor ${CMAKE_CURRENT_BINARY_DIR}/${name}_descriptor.cpp)
  add_custom_command(OUTPUT ${descriptor}
    COMMAND ${CMAKE_COMMAND} -DNAME=${name} -DVERSION=${arg_VERSION} "-DSOURCES=${paths}"
      -DOUTPUT=${descriptor} -P ${CMAKE_CURRENT_FUNCTION_LIST_DIR}/plugin_descriptor.cmake
    DEPENDS ${paths} ${CMAKE_CURRENT_FUNCTION_LIST_DIR}/plugin_descriptor.cmake
    COMMENT "Describing the plugin ${name}"
    VERBATIM)
  # In a target of its own: otherwise it, and with it every source, would wait for libpellucid.so.
  add_custom_target(${name}_description DEPENDS ${descriptor})

  add_library(${name} MODULE ${compiled} ${descriptor})
  add_dependencies(${name} ${name}_description)
  target_link_libraries(${name} PRIVATE Pellucid::sdk ${arg_LIBRARIES})
  if(TARGET pellucid_build_options)
    target_link_libraries(${name} PRIVATE pellucid_build_options)
  endif()
  pellucid_compile_as_plugin(${name})
  pellucid_use_precompiled_torch(${name})
  if(PELLUCID_UNITY)
    pellucid_allow_unity(${name})
  endif()
  target_link_options(${name} PRIVATE LINKER:--as-needed LINKER:--no-undefined LINKER:-z,now)
  set(output ${PROJECT_BINARY_DIR}/plugins)
  if(arg_OUTPUT_DIRECTORY)
    set(output ${arg_OUTPUT_DIRECTORY})
  endif()
  file(RELATIVE_PATH up /${CMAKE_INSTALL_LIBDIR}/pellucid/plugins /${CMAKE_INSTALL_LIBDIR})
  set_target_properties(${name} PROPERTIES
    PREFIX ""
    LIBRARY_OUTPUT_DIRECTORY ${output}
    INSTALL_RPATH "$ORIGIN/${up}")
  if(NOT arg_OUTPUT_DIRECTORY)
    install(TARGETS ${name} LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}/pellucid/plugins)
    set_property(GLOBAL APPEND PROPERTY PELLUCID_PLUGINS ${name})
  endif()
endfunction()
