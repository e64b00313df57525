# ccache for compiling and mold, else lld, for linking, where PELLUCID_FAST_TOOLS asks for them and
# they are installed. What is built does not depend on them.

if(NOT PELLUCID_FAST_TOOLS)
  return()
endif()

find_program(PELLUCID_CCACHE ccache)
mark_as_advanced(PELLUCID_CCACHE)
if(PELLUCID_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  # ccache refuses precompiled headers unless it is told that their defines and times do not count.
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env
    CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime
    ${PELLUCID_CCACHE})
  set(CMAKE_C_COMPILER_LAUNCHER ${PELLUCID_CCACHE})
endif()

find_program(PELLUCID_FAST_LINKER NAMES mold ld.lld)
mark_as_advanced(PELLUCID_FAST_LINKER)
