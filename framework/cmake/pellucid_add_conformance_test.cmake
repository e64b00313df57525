# pellucid_add_conformance_test(<plugin> [CASES <file>] [LABELS <label>...] [TIMEOUT <seconds>])
#
# Adds the test conformance/<plugin>: `pellucid test-plugin` over the library that
# pellucid_add_plugin(<plugin> ...) builds. CASES describes what the kit cannot guess; without it a
# file <plugin>.cases.yaml beside the CMakeLists.txt is taken where there is one. The findings stand
# in conformance/<plugin>.xml of the build folder as JUnit XML. Works the same inside this repository
# and after find_package(Pellucid).
function(pellucid_add_conformance_test plugin)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "CASES;TIMEOUT" "LABELS")
  if(arg_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "pellucid_add_conformance_test(${plugin}): unknown ${arg_UNPARSED_ARGUMENTS}")
  endif()
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 600)
  endif()
  set(cases ${CMAKE_CURRENT_SOURCE_DIR}/${plugin}.cases.yaml)
  if(arg_CASES)
    cmake_path(ABSOLUTE_PATH arg_CASES NORMALIZE OUTPUT_VARIABLE cases)
  endif()
  set(with_cases "")
  if(arg_CASES OR EXISTS ${cases})
    set(with_cases --cases ${cases})
  endif()

  set(folder ${PROJECT_BINARY_DIR}/conformance)
  file(MAKE_DIRECTORY ${folder})
  add_test(NAME conformance/${plugin}
    COMMAND Pellucid::program test-plugin $<TARGET_FILE:${plugin}> ${with_cases}
      --junit ${folder}/${plugin}.xml)
  set(environment
    PELLUCID_PLUGIN_PATH=$<TARGET_FILE_DIR:${plugin}> PELLUCID_CACHE=${PROJECT_BINARY_DIR}/cache)
  if(PELLUCID_TEST_ENVIRONMENT)
    set(environment ${PELLUCID_TEST_ENVIRONMENT})
  endif()
  set_tests_properties(conformance/${plugin} PROPERTIES
    LABELS "conformance;${arg_LABELS}"
    TIMEOUT ${arg_TIMEOUT}
    COST 50
    ENVIRONMENT "${environment}")
endfunction()
