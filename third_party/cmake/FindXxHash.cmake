# xxHash, used as a header (XXH_INLINE_ALL). Defines the target XxHash::header.

include(FindPackageHandleStandardArgs)

find_path(XxHash_INCLUDE_DIR xxhash.h)
mark_as_advanced(XxHash_INCLUDE_DIR)
find_package_handle_standard_args(XxHash REQUIRED_VARS XxHash_INCLUDE_DIR)

if(XxHash_FOUND AND NOT TARGET XxHash::header)
  add_library(XxHash::header INTERFACE IMPORTED)
  target_include_directories(XxHash::header INTERFACE ${XxHash_INCLUDE_DIR})
  target_compile_definitions(XxHash::header INTERFACE XXH_INLINE_ALL)
endif()
