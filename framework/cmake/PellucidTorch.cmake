# Finds libtorch without its CMake package, which would hang the definitions of distributed training
# and its own flags on every target.
#
#   pellucid_find_torch(<result>)   the folder of TorchConfig.cmake, or empty
#   pellucid_add_torch()            the imported target Pellucid::torch, and PELLUCID_TORCH_VERSION
#
# The order: Torch_DIR (variable, then environment), where Pellucid was built (an installed package
# knows it), CMAKE_PREFIX_PATH, the torch of the python3 in the PATH, the project's own .venv. A torch
# outside the accepted range counts only as an error if Torch_DIR named it. As a script,
# `cmake -P PellucidTorch.cmake` prints what would be used and fails if that is nothing.

set(PELLUCID_TORCH_OLDEST 2.6)
set(PELLUCID_TORCH_TESTED 2.13)
get_filename_component(PELLUCID_PROJECT_ROOT ${CMAKE_CURRENT_LIST_DIR}/../.. ABSOLUTE)

function(pellucid_torch_version torch_dir result)
  set(version "")
  get_filename_component(prefix ${torch_dir}/../../.. ABSOLUTE)
  if(EXISTS ${prefix}/version.py)
    file(STRINGS ${prefix}/version.py line REGEX "^__version__ = ")
    string(REGEX REPLACE ".*'(.*)'.*" "\\1" version "${line}")
  elseif(EXISTS ${prefix}/build-version)
    file(STRINGS ${prefix}/build-version version LIMIT_COUNT 1)
  elseif(EXISTS ${torch_dir}/TorchConfigVersion.cmake)
    file(STRINGS ${torch_dir}/TorchConfigVersion.cmake line REGEX "set\\(PACKAGE_VERSION ")
    string(REGEX REPLACE ".*\"(.*)\".*" "\\1" version "${line}")
  endif()
  set(${result} "${version}" PARENT_SCOPE)
endfunction()

# Why the libtorch in `torch_dir` cannot be used; empty if it can.
function(pellucid_torch_fault torch_dir result)
  set(fault "")
  pellucid_torch_version(${torch_dir} version)
  get_filename_component(prefix ${torch_dir}/../../.. ABSOLUTE)
  if(NOT EXISTS ${torch_dir}/TorchConfig.cmake OR NOT EXISTS ${prefix}/lib/libtorch_cpu.so)
    set(fault "there is no libtorch in '${torch_dir}'")
  elseif(version VERSION_LESS PELLUCID_TORCH_OLDEST)
    set(fault "libtorch '${version}' in '${torch_dir}' is older than ${PELLUCID_TORCH_OLDEST}")
  else()
    file(STRINGS ${torch_dir}/TorchConfig.cmake old_abi REGEX "_GLIBCXX_USE_CXX11_ABI=0")
    if(old_abi)
      set(fault "libtorch in '${torch_dir}' is built with the string ABI of before C++11")
    endif()
  endif()
  set(${result} "${fault}" PARENT_SCOPE)
endfunction()

function(pellucid_find_torch result)
  foreach(named IN ITEMS "${Torch_DIR}" "$ENV{Torch_DIR}")
    if(named)
      pellucid_torch_fault(${named} fault)
      if(fault)
        message(FATAL_ERROR "Torch_DIR: ${fault}")
      endif()
      set(${result} ${named} PARENT_SCOPE)
      return()
    endif()
  endforeach()

  set(candidates ${PELLUCID_TORCH_DIR})
  foreach(prefix IN LISTS CMAKE_PREFIX_PATH)
    list(APPEND candidates ${prefix}/share/cmake/Torch ${prefix}/Torch)
  endforeach()
  foreach(python IN ITEMS python3 ${PELLUCID_PROJECT_ROOT}/.venv/bin/python3)
    execute_process(
      COMMAND ${python} -c "import importlib.util as u; print(u.find_spec('torch').submodule_search_locations[0])"
      OUTPUT_VARIABLE package RESULT_VARIABLE status ERROR_QUIET OUTPUT_STRIP_TRAILING_WHITESPACE)
    if(status EQUAL 0)
      list(APPEND candidates ${package}/share/cmake/Torch)
    endif()
  endforeach()
  foreach(candidate IN LISTS candidates)
    pellucid_torch_fault(${candidate} fault)
    if(NOT fault)
      set(${result} ${candidate} PARENT_SCOPE)
      return()
    endif()
  endforeach()
  set(${result} "" PARENT_SCOPE)
endfunction()

function(pellucid_add_torch)
  pellucid_find_torch(torch_dir)
  if(NOT torch_dir)
    message(FATAL_ERROR
      "no libtorch ${PELLUCID_TORCH_OLDEST} or later was found; './dev build' installs one into the "
      "project, or -DTorch_DIR=FOLDER names the folder of its TorchConfig.cmake")
  endif()
  pellucid_torch_version(${torch_dir} version)
  get_filename_component(prefix ${torch_dir}/../../.. ABSOLUTE)
  set(PELLUCID_TORCH_VERSION ${version} PARENT_SCOPE)
  set(PELLUCID_TORCH_DIR ${torch_dir} PARENT_SCOPE)
  set(PELLUCID_TORCH_LIBRARY_DIR ${prefix}/lib PARENT_SCOPE)
  if(TARGET Pellucid::torch)
    return()
  endif()

  message(STATUS "Found libtorch ${version}: ${prefix}")
  if(NOT version MATCHES "^${PELLUCID_TORCH_TESTED}\\.")
    message(NOTICE "libtorch ${version} is accepted but untested; Pellucid is tested with "
      "${PELLUCID_TORCH_TESTED}")
  endif()

  add_library(Pellucid::torch INTERFACE IMPORTED GLOBAL)
  # Behind the system's folders: libtorch brings a fmt of its own that would shadow spdlog's.
  target_compile_options(Pellucid::torch INTERFACE
    "SHELL:-idirafter ${prefix}/include"
    "SHELL:-idirafter ${prefix}/include/torch/csrc/api/include")
  target_compile_definitions(Pellucid::torch INTERFACE PELLUCID_TORCH_VERSION="${version}")
  target_compile_features(Pellucid::torch INTERFACE cxx_std_20)
  target_link_libraries(Pellucid::torch INTERFACE
    ${prefix}/lib/libtorch_cpu.so ${prefix}/lib/libc10.so)
  if(EXISTS ${prefix}/lib/libtorch_cuda.so)
    # Nothing refers to it by name; it registers the CUDA device when it is loaded.
    target_link_options(Pellucid::torch INTERFACE
      LINKER:--push-state,--no-as-needed,${prefix}/lib/libtorch_cuda.so,--pop-state)
  endif()
endfunction()

if(CMAKE_SCRIPT_MODE_FILE STREQUAL CMAKE_CURRENT_LIST_FILE)
  pellucid_find_torch(found)
  if(NOT found)
    message(FATAL_ERROR "no libtorch ${PELLUCID_TORCH_OLDEST} or later was found")
  endif()
  pellucid_torch_version(${found} version)
  message("libtorch ${version} in ${found}")
endif()
