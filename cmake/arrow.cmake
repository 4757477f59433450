# The imported target `arrow_parquet`: Apache Arrow with Parquet, from the PyPI wheel pyarrow (its
# C++ part). Where it is: TROUPE_ARROW (CMake or environment), else .deps/arrow, where ./dev setup
# unpacks it. Without it everything is built but libtroupe_parquet.so, and a graph that names a
# Parquet file is told so. Accepted layouts: DIR/pyarrow/{include,libarrow.so*} (a wheel), DIR with
# the same inside, and DIR/{include,lib}.
set(TROUPE_ARROW "" CACHE PATH "folder of Apache Arrow or of an unpacked pyarrow wheel; off: none")
set(arrow_dir "${TROUPE_ARROW}")
if(NOT arrow_dir AND DEFINED ENV{TROUPE_ARROW})
  set(arrow_dir "$ENV{TROUPE_ARROW}")
endif()
if(NOT arrow_dir)
  set(arrow_dir "${CMAKE_SOURCE_DIR}/.deps/arrow")
endif()
if(EXISTS "${arrow_dir}/pyarrow/include")
  set(arrow_dir "${arrow_dir}/pyarrow")
endif()
file(GLOB arrow_library "${arrow_dir}/libarrow.so*" "${arrow_dir}/lib/libarrow.so")
file(GLOB parquet_library "${arrow_dir}/libparquet.so*" "${arrow_dir}/lib/libparquet.so")
if(NOT arrow_library OR NOT parquet_library
   OR NOT EXISTS "${arrow_dir}/include/parquet/arrow/reader.h")
  message(STATUS "Parquet: not built (no Apache Arrow in '${arrow_dir}'; ./dev setup fetches it)")
  return()
endif()
message(STATUS "Parquet: ${arrow_dir}")
list(GET arrow_library 0 arrow_library)
list(GET parquet_library 0 parquet_library)

add_library(arrow_core SHARED IMPORTED)
set_target_properties(arrow_core PROPERTIES IMPORTED_LOCATION "${arrow_library}")
add_library(arrow_files SHARED IMPORTED)
set_target_properties(arrow_files PROPERTIES IMPORTED_LOCATION "${parquet_library}")
add_library(arrow_parquet INTERFACE)
target_include_directories(arrow_parquet SYSTEM INTERFACE "${arrow_dir}/include")
target_link_libraries(arrow_parquet INTERFACE arrow_files arrow_core)
get_filename_component(arrow_folder "${arrow_library}" DIRECTORY)
target_link_options(arrow_parquet INTERFACE "-Wl,-rpath,${arrow_folder}")
