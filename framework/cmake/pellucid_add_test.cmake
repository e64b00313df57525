# pellucid_add_test(<source>... [LIBRARIES <target>...] [LABELS <label>...] [TIMEOUT <seconds>])
#
# Each source is one program and one entry of CTest, named by its path below tests/ without
# `_test.cpp`. The first folder of that path is a label. Label `shared`: needs sample data and skips
# without them; `slow`: not under sanitizers.
#
# Sample data (pictures, measurements, recorded numbers) are too large for the repository. They stand
# in a folder that the environment names while configuring, PELLUCID_SHARED, else in `shared` beside
# the repository if there is one. CONTRIBUTING.md says what is in it.
#
# The programs find in their environment PELLUCID_PLUGIN_PATH, PELLUCID_CACHE, PELLUCID_COMMAND (the
# program `pellucid`) and, where there are sample data, PELLUCID_SHARED; PELLUCID_SOURCE_DIR is
# defined as the root of the repository.

set(PELLUCID_SHARED_DIR "$ENV{PELLUCID_SHARED}")
if(NOT PELLUCID_SHARED_DIR AND IS_DIRECTORY ${PROJECT_SOURCE_DIR}/../shared)
  get_filename_component(PELLUCID_SHARED_DIR ${PROJECT_SOURCE_DIR}/../shared ABSOLUTE)
endif()

set(PELLUCID_TEST_ENVIRONMENT
  PELLUCID_PLUGIN_PATH=${PROJECT_BINARY_DIR}/plugins
  PELLUCID_CACHE=${PROJECT_BINARY_DIR}/cache
  PELLUCID_COMMAND=$<TARGET_FILE:pellucid>)
if(PELLUCID_SHARED_DIR)
  list(APPEND PELLUCID_TEST_ENVIRONMENT PELLUCID_SHARED=${PELLUCID_SHARED_DIR})
endif()
if(PELLUCID_SANITIZE)
  # libtorch and what it loads are not instrumented: its arenas look like leaks, its OpenMP like races.
  # Sanitizers open libraries for the program, which are then not looked for on its own run path.
  list(APPEND PELLUCID_TEST_ENVIRONMENT
    LD_LIBRARY_PATH=${PROJECT_BINARY_DIR}/lib
    ASAN_OPTIONS=detect_leaks=0
    UBSAN_OPTIONS=print_stacktrace=1
    "TSAN_OPTIONS=suppressions=${PROJECT_SOURCE_DIR}/tests/tsan.supp ignore_noninstrumented_modules=1")
endif()

# A program all of whose tests were skipped and none failed counts as skipped.
set(PELLUCID_ALL_SKIPPED "\\[  PASSED  \\] 0 tests\\.(\n\\[  SKIPPED \\][^\n]*)+\n*$")

# One precompiled header for all tests, with what they all include. Their own code is compiled
# without optimisation, because compiling it takes longer than running it.
function(pellucid_compile_as_test target)
  pellucid_compile_as_plugin(${target})
  target_compile_options(${target} PRIVATE $<$<CONFIG:Release>:-O0>)
  if(NOT PELLUCID_PRECOMPILED_HEADERS)
    return()
  endif()
  if(NOT TARGET pellucid_precompiled_tests)
    set(empty ${PROJECT_BINARY_DIR}/pellucid_precompiled_tests.cpp)
    file(CONFIGURE OUTPUT ${empty} CONTENT "// Carries the precompiled headers of tests.\n")
    add_library(pellucid_precompiled_tests OBJECT ${empty})
    target_link_libraries(pellucid_precompiled_tests PRIVATE
      Pellucid::torch pellucid_build_options GTest::gmock GTest::gtest)
    target_compile_definitions(pellucid_precompiled_tests PRIVATE
      PELLUCID_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
    target_precompile_headers(pellucid_precompiled_tests PRIVATE <ATen/ATen.h> <gmock/gmock.h>)
    pellucid_compile_as_plugin(pellucid_precompiled_tests)
    target_compile_options(pellucid_precompiled_tests PRIVATE $<$<CONFIG:Release>:-O0>)
  endif()
  target_precompile_headers(${target} REUSE_FROM pellucid_precompiled_tests)
endfunction()

function(pellucid_add_test)
  cmake_parse_arguments(PARSE_ARGV 0 arg "" "TIMEOUT" "LIBRARIES;LABELS")
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 300)
  endif()
  foreach(source IN LISTS arg_UNPARSED_ARGUMENTS)
    if(source MATCHES "^tests/")
      set(source ${PROJECT_SOURCE_DIR}/${source})
    endif()
    cmake_path(ABSOLUTE_PATH source NORMALIZE OUTPUT_VARIABLE path)
    cmake_path(RELATIVE_PATH path BASE_DIRECTORY ${PROJECT_SOURCE_DIR}/tests OUTPUT_VARIABLE test)
    string(REGEX REPLACE "_test\\.cpp$" "" test ${test})
    string(REGEX REPLACE "/.*" "" kind ${test})
    string(REPLACE "/" "-" target ${test}_test)

    add_executable(${target} ${source})
    target_link_libraries(${target} PRIVATE
      Pellucid::sdk pellucid_build_options ${arg_LIBRARIES} GTest::gmock GTest::gtest_main)
    target_include_directories(${target} PRIVATE
      ${PROJECT_SOURCE_DIR}/framework ${PROJECT_SOURCE_DIR}/tests)
    target_compile_definitions(${target} PRIVATE PELLUCID_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
    pellucid_compile_as_test(${target})
    set_target_properties(${target} PROPERTIES
      RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests/programs)

    add_test(NAME ${test} COMMAND ${target} WORKING_DIRECTORY ${PROJECT_BINARY_DIR}/tests)
    set_tests_properties(${test} PROPERTIES
      ENVIRONMENT "${PELLUCID_TEST_ENVIRONMENT}"
      LABELS "${kind};${arg_LABELS}"
      SKIP_REGULAR_EXPRESSION "${PELLUCID_ALL_SKIPPED}"
      TIMEOUT ${arg_TIMEOUT})
  endforeach()
endfunction()

# pellucid_add_bench(<source>... [LIBRARIES <target>...])
#
# Each source is one benchmark program, built by the target `bench` and run by `dev bench`; it prints
# its numbers and exits non-zero if they miss what they must reach. Not part of CTest.
function(pellucid_add_bench)
  cmake_parse_arguments(PARSE_ARGV 0 arg "" "" "LIBRARIES")
  if(NOT TARGET bench)
    add_custom_target(bench)
  endif()
  foreach(source IN LISTS arg_UNPARSED_ARGUMENTS)
    cmake_path(GET source STEM program)
    set(target bench-${program})
    add_executable(${target} EXCLUDE_FROM_ALL ${source})
    target_link_libraries(${target} PRIVATE Pellucid::sdk pellucid_build_options ${arg_LIBRARIES})
    target_include_directories(${target} PRIVATE ${PROJECT_SOURCE_DIR}/framework)
    target_compile_definitions(${target} PRIVATE PELLUCID_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
    pellucid_compile_as_plugin(${target})
    pellucid_use_precompiled_torch(${target})
    set_target_properties(${target} PROPERTIES
      OUTPUT_NAME ${program} RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests/bench)
    add_dependencies(${target} pellucid plugins)
    add_dependencies(bench ${target})
  endforeach()
endfunction()
