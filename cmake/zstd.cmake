# Debian's libzstd-dev has no CMake package before version 13.
find_library(ZSTD_LIBRARY zstd)
find_path(ZSTD_INCLUDE_DIR zstd.h)
if(NOT ZSTD_LIBRARY OR NOT ZSTD_INCLUDE_DIR)
  message(FATAL_ERROR "zstd is missing: run ./dev setup (package libzstd-dev)")
endif()
add_library(zstd INTERFACE)
target_include_directories(zstd SYSTEM INTERFACE ${ZSTD_INCLUDE_DIR})
target_link_libraries(zstd INTERFACE ${ZSTD_LIBRARY})
