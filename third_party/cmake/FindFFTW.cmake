# FFTW 3 in double and single precision, each with its pthreads variant: a second OpenMP runtime
# beside libtorch's is to be avoided.
#
# Defines the targets FFTW::double and FFTW::float.

include(FindPackageHandleStandardArgs)

find_path(FFTW_INCLUDE_DIR fftw3.h)
foreach(library IN ITEMS fftw3 fftw3_threads fftw3f fftw3f_threads)
  find_library(FFTW_${library}_LIBRARY ${library})
  list(APPEND FFTW_required FFTW_${library}_LIBRARY)
endforeach()
mark_as_advanced(FFTW_INCLUDE_DIR ${FFTW_required})

find_package_handle_standard_args(FFTW REQUIRED_VARS FFTW_INCLUDE_DIR ${FFTW_required})

function(pellucid_import_fftw target library)
  if(NOT TARGET ${target})
    add_library(${target} INTERFACE IMPORTED)
    target_include_directories(${target} INTERFACE ${FFTW_INCLUDE_DIR})
    target_link_libraries(${target} INTERFACE
      ${FFTW_${library}_threads_LIBRARY} ${FFTW_${library}_LIBRARY})
  endif()
endfunction()

if(FFTW_FOUND)
  pellucid_import_fftw(FFTW::double fftw3)
  pellucid_import_fftw(FFTW::float fftw3f)
endif()
