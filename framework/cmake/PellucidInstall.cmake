# What `cmake --install` writes: the program, libpellucid.so, the SDK and the CMake package. Libraries
# find each other relative to themselves; only where libtorch lies is recorded as it is, unless
# PELLUCID_BUNDLE_TORCH copies it in.

include(CMakePackageConfigHelpers)

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/Pellucid)
set(plugin_dir ${CMAKE_INSTALL_LIBDIR}/pellucid/plugins)
set(bundle_dir ${CMAKE_INSTALL_LIBDIR}/pellucid/torch)

file(RELATIVE_PATH from_program_to_library /${CMAKE_INSTALL_BINDIR} /${CMAKE_INSTALL_LIBDIR})
set_target_properties(pellucid PROPERTIES
  BUILD_RPATH $ORIGIN/../lib
  INSTALL_RPATH $ORIGIN/${from_program_to_library})

if(PELLUCID_BUNDLE_TORCH)
  set(torch_rpath $ORIGIN/pellucid/torch)
  file(GLOB torch_libraries ${PELLUCID_TORCH_LIBRARY_DIR}/*.so*)
  list(FILTER torch_libraries EXCLUDE REGEX "python|/libshm|_test\\.so|_custom_ops|with_compiler")
  install(FILES ${torch_libraries} DESTINATION ${bundle_dir})
else()
  set(torch_rpath ${PELLUCID_TORCH_LIBRARY_DIR})
endif()
set_target_properties(pellucid_runtime PROPERTIES
  OUTPUT_NAME pellucid
  EXPORT_NAME sdk
  INSTALL_RPATH "$ORIGIN;${torch_rpath}")
set_target_properties(pellucid PROPERTIES EXPORT_NAME program)

install(TARGETS pellucid_runtime pellucid EXPORT PellucidTargets
  RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR}
  LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(DIRECTORY include/pellucid ${PROJECT_BINARY_DIR}/include/pellucid
  DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.h")
install(EXPORT PellucidTargets NAMESPACE Pellucid:: DESTINATION ${package_dir})

configure_package_config_file(cmake/PellucidConfig.cmake.in
  ${PROJECT_BINARY_DIR}/PellucidConfig.cmake INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/PellucidConfigVersion.cmake
  COMPATIBILITY SameMinorVersion)
install(FILES
  ${PROJECT_BINARY_DIR}/PellucidConfig.cmake
  ${PROJECT_BINARY_DIR}/PellucidConfigVersion.cmake
  cmake/PellucidTorch.cmake
  cmake/pellucid_add_conformance_test.cmake
  cmake/pellucid_add_plugin.cmake
  cmake/plugin_descriptor.cmake
  DESTINATION ${package_dir})

# An installation has its plugins in <lib>/pellucid/plugins; so has the build tree, through a link.
file(MAKE_DIRECTORY ${PROJECT_BINARY_DIR}/plugins ${PROJECT_BINARY_DIR}/lib/pellucid)
file(CREATE_LINK ../../plugins ${PROJECT_BINARY_DIR}/lib/pellucid/plugins SYMBOLIC)
