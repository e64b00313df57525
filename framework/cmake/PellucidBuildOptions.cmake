# pellucid_build_options: warnings, sanitizers and the linker of this build. Everything of ours links
# it privately; it is never exported, so that a consumer keeps its own flags.

add_library(pellucid_build_options INTERFACE)

target_compile_options(pellucid_build_options INTERFACE
  -Wall -Wextra $<$<BOOL:${PELLUCID_WARNINGS_AS_ERRORS}>:-Werror>)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  # GCC 12 warns of texts that are put together: https://gcc.gnu.org/bugzilla/show_bug.cgi?id=105651
  target_compile_options(pellucid_build_options INTERFACE
    -Wno-restrict -Wno-array-bounds -Wno-stringop-overflow -Wno-stringop-overread)
endif()
target_compile_definitions(pellucid_build_options INTERFACE $<$<CONFIG:Debug>:_GLIBCXX_ASSERTIONS>)

if(PELLUCID_FAST_LINKER MATCHES "mold$")
  target_link_options(pellucid_build_options INTERFACE -fuse-ld=mold)
elseif(PELLUCID_FAST_LINKER)
  target_link_options(pellucid_build_options INTERFACE -fuse-ld=lld)
endif()

if(PELLUCID_SANITIZE)
  # vptr compares type information by address, which hidden visibility makes differ between libraries.
  target_compile_options(pellucid_build_options INTERFACE
    -fsanitize=${PELLUCID_SANITIZE} -fno-sanitize=vptr -fno-sanitize-recover=all
    -fno-omit-frame-pointer -O1)
  # GCC does not see through its own checks what is initialised.
  target_compile_options(pellucid_build_options INTERFACE
    $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>)
  target_link_options(pellucid_build_options INTERFACE
    -fsanitize=${PELLUCID_SANITIZE} -fno-sanitize=vptr)
endif()
