# Writes <build>/include/pellucid/stamp.h, which defines PELLUCID_ABI_STAMP.

# Raised by hand when a change breaks plugins that no header shows.
set(PELLUCID_ABI 1)

set(sdk_root ${PROJECT_SOURCE_DIR}/framework/include)
file(GLOB_RECURSE sdk_headers CONFIGURE_DEPENDS RELATIVE ${sdk_root} ${sdk_root}/*.h)
list(SORT sdk_headers)

# A glob notices new files, not edits: each header is a dependency of its own.
set(sdk_contents "")
foreach(header IN LISTS sdk_headers)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${sdk_root}/${header})
  file(SHA256 ${sdk_root}/${header} hash)
  string(APPEND sdk_contents "${header} ${hash}\n")
endforeach()
string(SHA256 PELLUCID_SDK_HASH "${sdk_contents}")
string(SUBSTRING ${PELLUCID_SDK_HASH} 0 12 PELLUCID_SDK_HASH)

configure_file(${CMAKE_CURRENT_LIST_DIR}/stamp.h.in ${PROJECT_BINARY_DIR}/include/pellucid/stamp.h @ONLY)
