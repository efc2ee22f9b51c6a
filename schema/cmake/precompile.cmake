# Headers that most sources of a target include are compiled once per target (an eighth of the CPU time of a cold build).
# Sources still name every header that they use: TEGULA_PRECOMPILE=OFF builds without.
option(TEGULA_PRECOMPILE "Compile the headers that most sources include only once" ON)

# tegula_precompile(<target> [header ...]): the standard headers that are everywhere, and those named. Only headers of
# other projects and generated ones belong here; a change of one of ours would compile the whole target anew.
function(tegula_precompile target)
  if(NOT TEGULA_PRECOMPILE)
    return()
  endif()
  set(quoted)
  foreach(header algorithm array cmath cstdint cstring functional map memory optional span string string_view
                 unordered_map utility vector ${ARGN})
    list(APPEND quoted $<$<COMPILE_LANGUAGE:CXX>:<${header}$<ANGLE-R>>)
  endforeach()
  target_precompile_headers(${target} PRIVATE ${quoted})
  if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
    target_compile_options(${target} PRIVATE "SHELL:-Xclang -fno-pch-timestamp")  # the same bytes every time, for ccache
  endif()
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
    # From a precompiled <string> the false alarms of GCC bug 105329 come under two more names.
    target_compile_options(${target} PRIVATE -Wno-array-bounds -Wno-stringop-overflow)
  endif()
endfunction()
