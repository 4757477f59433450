# How every target of Troupe is built.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR})
set(CMAKE_LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/lib)
set(CMAKE_ARCHIVE_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/lib)

if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE RelWithDebInfo CACHE STRING "" FORCE)
endif()
# Assertions are ours (TROUPE_ASSERT, always on); -g1 keeps line numbers at a bearable size.
set(CMAKE_CXX_FLAGS_RELWITHDEBINFO "-O2 -g1")

option(TROUPE_SANITIZE "Sanitizers to build with: address;undefined or thread" "")

find_program(TROUPE_CCACHE ccache)
if(TROUPE_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_C_COMPILER_LAUNCHER ${TROUPE_CCACHE})
  set(CMAKE_CXX_COMPILER_LAUNCHER ${TROUPE_CCACHE})
endif()
find_program(TROUPE_MOLD mold)
find_program(TROUPE_LLD ld.lld)
if(TROUPE_MOLD)
  add_link_options(-fuse-ld=mold)
elseif(TROUPE_LLD)
  add_link_options(-fuse-ld=lld)
endif()

add_library(troupe_options INTERFACE)
target_compile_options(troupe_options INTERFACE -Wall -Wextra -Wshadow -Wnon-virtual-dtor
                                                -Wno-missing-field-initializers)
target_include_directories(troupe_options INTERFACE ${CMAKE_SOURCE_DIR} ${CMAKE_BINARY_DIR})
if(TROUPE_SANITIZE)
  list(JOIN TROUPE_SANITIZE "," names)
  # g++ 12 warns falsely inside std::regex when it is instrumented.
  target_compile_options(troupe_options INTERFACE -fsanitize=${names} -fno-omit-frame-pointer
                                                  -Wno-maybe-uninitialized)
  target_link_options(troupe_options INTERFACE -fsanitize=${names})
endif()

# troupe_library(NAME [SHARED] [DEPENDS target...] [EXCLUDE regex...]): all *.cpp of this folder.
function(troupe_library name)
  cmake_parse_arguments(arg "SHARED" "" "DEPENDS;EXCLUDE;SOURCES" ${ARGN})
  if(arg_SOURCES)
    set(sources ${arg_SOURCES})
  else()
    file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cpp)
  endif()
  foreach(pattern IN LISTS arg_EXCLUDE)
    list(FILTER sources EXCLUDE REGEX ${pattern})
  endforeach()
  if(arg_SHARED)
    add_library(${name} SHARED ${sources})
  else()
    add_library(${name} STATIC ${sources})
  endif()
  target_link_libraries(${name} PUBLIC troupe_options ${arg_DEPENDS})
endfunction()

# troupe_test(NAME [DEPENDS target...] [LABELS label...]): all *_test.cpp of this folder, one
# program with Catch2's own main, one CTest entry per test case. A test that cannot run here prints
# "SKIPPED: reason", and CTest lists it as skipped.
function(troupe_test name)
  cmake_parse_arguments(arg "" "TIMEOUT" "DEPENDS;LABELS;SOURCES" ${ARGN})
  if(arg_SOURCES)
    set(sources ${arg_SOURCES})
  else()
    file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*_test.cpp)
  endif()
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 300)
  endif()
  add_executable(${name} ${sources})
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
  target_link_libraries(${name} PRIVATE troupe_options troupe_catch_main ${arg_DEPENDS})
  target_compile_definitions(
    ${name} PRIVATE TROUPE_SOURCE_DIR="${CMAKE_SOURCE_DIR}" TROUPE_BUILD_DIR="${CMAKE_BINARY_DIR}")
  set(labels)
  if(arg_LABELS)  # an empty value would vanish and shift the properties after it
    set(labels LABELS "${arg_LABELS}")
  endif()
  catch_discover_tests(${name} TEST_PREFIX "${name}: " PROPERTIES SKIP_REGULAR_EXPRESSION
                       "SKIPPED: " TIMEOUT ${arg_TIMEOUT} ${labels})
endfunction()
