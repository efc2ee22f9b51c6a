# Everything comes from the distribution; nothing is downloaded while configuring.
find_package(Threads REQUIRED)

# The runtime library.
find_package(FlatBuffers 2.0 CONFIG REQUIRED)
if(NOT TARGET flatbuffers::flatc)  # its target files are optional includes of the package
  message(FATAL_ERROR "flatc not found: install flatbuffers-compiler-dev and flatbuffers-compiler")
endif()
add_library(tegula_flatbuffers INTERFACE)  # the headers only: nothing of libflatbuffers is linked
target_include_directories(tegula_flatbuffers SYSTEM INTERFACE
  $<BUILD_INTERFACE:$<TARGET_PROPERTY:flatbuffers::flatbuffers,INTERFACE_INCLUDE_DIRECTORIES>>)
find_package(xbyak 6.68 CONFIG REQUIRED)
add_library(tegula_xbyak INTERFACE)
target_include_directories(tegula_xbyak SYSTEM INTERFACE
  $<BUILD_INTERFACE:$<TARGET_PROPERTY:xbyak::xbyak,INTERFACE_INCLUDE_DIRECTORIES>>)
find_package(TBB 2021.8 CONFIG REQUIRED)
find_package(zstd 1.5 CONFIG REQUIRED)

if(TEGULA_BUILD_COMPILER)
  find_package(Protobuf 3.21 MODULE REQUIRED)  # must come before ONNX
  find_package(ONNX 1.12 CONFIG REQUIRED)
  find_package(yaml-cpp 0.7 CONFIG REQUIRED)
  find_package(nlohmann_json 3.11 CONFIG REQUIRED)
  find_package(CLI11 2.1 CONFIG REQUIRED)
  find_package(PkgConfig REQUIRED)
  pkg_check_modules(libzip REQUIRED IMPORTED_TARGET libzip>=1.7)
  find_package(libjpeg-turbo 2.1 CONFIG REQUIRED)
  find_package(PNG 1.6 MODULE REQUIRED)
endif()

if(TEGULA_DEVELOPER)
  find_package(GTest 1.12 CONFIG REQUIRED)
  find_package(benchmark 1.7 CONFIG REQUIRED)
  find_package(dnnl 2.6 CONFIG QUIET)  # a peer for the kernel benchmarks, not needed by anything else
endif()
