# The imported target `libtorch` (CPU). find_package(Torch) is not used: with a CUDA toolkit present
# it fails on C++20 ("CUDA20"), without one it fails on a wheel that was built for CUDA.
#
# Where it is: TROUPE_LIBTORCH (CMake or environment), else .deps/libtorch, where `./dev setup`
# unpacks the wheel. Accepted layouts: DIR/torch/{include,lib} (a wheel) and DIR/{include,lib}.
set(TROUPE_LIBTORCH "" CACHE PATH "folder of libtorch or of an unpacked torch wheel")
set(libtorch_dir "${TROUPE_LIBTORCH}")
if(NOT libtorch_dir AND DEFINED ENV{TROUPE_LIBTORCH})
  set(libtorch_dir "$ENV{TROUPE_LIBTORCH}")
endif()
if(NOT libtorch_dir)
  set(libtorch_dir "${CMAKE_SOURCE_DIR}/.deps/libtorch")
endif()
if(EXISTS "${libtorch_dir}/torch/lib/libtorch_cpu.so")
  set(libtorch_dir "${libtorch_dir}/torch")
endif()
if(NOT EXISTS "${libtorch_dir}/lib/libtorch_cpu.so")
  message(FATAL_ERROR "No LibTorch in '${libtorch_dir}'. Run ./dev setup, or set TROUPE_LIBTORCH "
                      "to a folder that has lib/libtorch_cpu.so.")
endif()
message(STATUS "LibTorch: ${libtorch_dir}")

add_library(libtorch_c10 SHARED IMPORTED)
set_target_properties(libtorch_c10 PROPERTIES IMPORTED_LOCATION "${libtorch_dir}/lib/libc10.so")
add_library(libtorch_cpu SHARED IMPORTED)
set_target_properties(libtorch_cpu PROPERTIES
                      IMPORTED_LOCATION "${libtorch_dir}/lib/libtorch_cpu.so")
add_library(libtorch INTERFACE)
target_include_directories(libtorch SYSTEM INTERFACE "${libtorch_dir}/include"
                           "${libtorch_dir}/include/torch/csrc/api/include")
target_link_libraries(libtorch INTERFACE libtorch_cpu libtorch_c10)
target_link_options(libtorch INTERFACE "-Wl,-rpath,${libtorch_dir}/lib" "-Wl,--no-as-needed")
