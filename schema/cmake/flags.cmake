# Flags hang on targets, through these two. Code is built for plain x86-64: kernels are generated.
add_library(tegula_warnings INTERFACE)
target_compile_options(tegula_warnings INTERFACE
  -Wall -Wextra -Wshadow -Wconversion -Wno-sign-conversion
  $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict>  # false alarms of GCC 12 on std::string + (GCC bug 105329)
)
# GCC warns of what its sanitizers insert.
if(TEGULA_DEVELOPER AND NOT (TEGULA_SANITIZE AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU"))
  target_compile_options(tegula_warnings INTERFACE -Werror)
endif()

# The contract on numbers (kernels/README.md) forbids the compiler to fuse a*b+c on its own.
add_library(tegula_numerics INTERFACE)
target_compile_options(tegula_numerics INTERFACE -ffp-contract=off -fno-fast-math)

if(TEGULA_SANITIZE)
  add_compile_options(-fsanitize=${TEGULA_SANITIZE} -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${TEGULA_SANITIZE})
  if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang" AND TEGULA_SANITIZE MATCHES "undefined")
    add_compile_options(-fno-sanitize=function)  # it reads the bytes before a generated function
  endif()
  add_library(tegula_sanitizer_dlopen OBJECT ${PROJECT_SOURCE_DIR}/tests/support/sanitizer_dlopen.c)
endif()

# tegula_sanitized(<executable>): what every executable needs to run under sanitizers.
function(tegula_sanitized target)
  if(TEGULA_SANITIZE)
    target_link_libraries(${target} PRIVATE tegula_sanitizer_dlopen)
  endif()
endfunction()

# tegula_library(<folder> SOURCES ... [PUBLIC ...] [PRIVATE ...]): the static library tegula::<folder>.
function(tegula_library name)
  cmake_parse_arguments(arg "" "" "SOURCES;PUBLIC;PRIVATE" ${ARGN})
  add_library(tegula_${name} STATIC ${arg_SOURCES})
  add_library(tegula::${name} ALIAS tegula_${name})
  target_include_directories(tegula_${name} PUBLIC $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}>)
  target_link_libraries(tegula_${name}
    PUBLIC ${arg_PUBLIC} PRIVATE ${arg_PRIVATE} $<BUILD_INTERFACE:tegula_warnings> $<BUILD_INTERFACE:tegula_numerics>)
endfunction()
