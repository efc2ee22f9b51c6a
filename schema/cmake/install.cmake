# The installed package: one library with all that the runtime needs, the public headers and the commands.
#   find_package(tegula 0.1 CONFIG REQUIRED)
#   target_link_libraries(service PRIVATE tegula::tegula)
# BUILD_SHARED_LIBS chooses between libtegula.so and libtegula.a. The headers lie below include/tegula-<version>, so that
# versions can be installed side by side.
include(CMakePackageConfigHelpers)

set(objects)
foreach(member tegula tegula_kernels tegula_kernel_contracts tegula_jit tegula_schema)
  list(APPEND objects $<TARGET_OBJECTS:${member}>)
endforeach()
add_library(tegula_package ${objects})
set_target_properties(tegula_package PROPERTIES
  OUTPUT_NAME tegula EXPORT_NAME tegula LINKER_LANGUAGE CXX
  VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR})
set(headers ${CMAKE_INSTALL_INCLUDEDIR}/tegula-${PROJECT_VERSION})
target_compile_features(tegula_package INTERFACE cxx_std_20)
target_include_directories(tegula_package INTERFACE $<INSTALL_INTERFACE:${headers}>)
target_link_libraries(tegula_package
  PRIVATE TBB::tbb zstd::libzstd_shared Threads::Threads ${CMAKE_DL_LIBS})

install(TARGETS tegula_package EXPORT tegula_targets)
install(EXPORT tegula_targets NAMESPACE tegula:: DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/tegula FILE tegulaTargets.cmake)
install(DIRECTORY runtime/include/tegula DESTINATION ${headers} FILES_MATCHING PATTERN "*.h")
install(DIRECTORY schema/base DESTINATION ${headers}/schema FILES_MATCHING PATTERN "*.h")

configure_package_config_file(schema/cmake/tegulaConfig.cmake.in ${PROJECT_BINARY_DIR}/tegulaConfig.cmake
  INSTALL_DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/tegula)
write_basic_package_version_file(${PROJECT_BINARY_DIR}/tegulaConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/tegulaConfig.cmake ${PROJECT_BINARY_DIR}/tegulaConfigVersion.cmake
  DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/tegula)

foreach(command aotc runbench)
  if(TARGET ${command})
    install(TARGETS ${command})
  endif()
endforeach()
install(FILES LICENSE README.md DESTINATION ${CMAKE_INSTALL_DOCDIR})
