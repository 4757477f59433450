# Debian's libcaf-dev ships neither a CMake package nor pkg-config files.
find_library(CAF_CORE_LIBRARY caf_core)
find_path(CAF_INCLUDE_DIR caf/actor_system.hpp)
if(NOT CAF_CORE_LIBRARY OR NOT CAF_INCLUDE_DIR)
  message(FATAL_ERROR "The C++ Actor Framework is missing: run ./dev setup (package libcaf-dev)")
endif()
add_library(caf INTERFACE)
target_include_directories(caf SYSTEM INTERFACE ${CAF_INCLUDE_DIR})
target_link_libraries(caf INTERFACE ${CAF_CORE_LIBRARY} Threads::Threads)
