# The target densehybrid::libtorch from a folder with include/ and lib/: an unzipped libtorch archive, or the `torch`
# package of a Python wheel. Plain imported targets, because find_package(Torch) brings FindCUDA and stray run paths.
#
# In:  LIBTORCH (cache variable, else environment)
# Out: LIBTORCH_VERSION, LIBTORCH_RPATH, densehybrid::c10, densehybrid::torch_cpu, densehybrid::libtorch

set(LIBTORCH_OLDEST 2.11)
set(LIBTORCH_NEWEST 2.14)

if(NOT LIBTORCH AND DEFINED ENV{LIBTORCH})
  set(LIBTORCH "$ENV{LIBTORCH}")
endif()
if(NOT LIBTORCH)
  message(FATAL_ERROR "LIBTORCH is not set. Pass -DLIBTORCH=DIR, the folder that holds libtorch's include/ and lib/, "
    "or let `node scripts/install.mjs` find or fetch it.")
endif()
file(REAL_PATH "${LIBTORCH}" LIBTORCH_DIR EXPAND_TILDE)
foreach(needed include/ATen/core/Tensor.h lib/libtorch_cpu.so lib/libc10.so)
  if(NOT EXISTS "${LIBTORCH_DIR}/${needed}")
    message(FATAL_ERROR "LIBTORCH=${LIBTORCH_DIR} is not a libtorch: ${needed} is missing in it.")
  endif()
endforeach()

set(LIBTORCH_VERSION "")
foreach(header torch/headeronly/version.h torch/csrc/api/include/torch/version.h)
  if(NOT LIBTORCH_VERSION AND EXISTS "${LIBTORCH_DIR}/include/${header}")
    file(READ "${LIBTORCH_DIR}/include/${header}" version_header)
    if(version_header MATCHES "TORCH_VERSION_MAJOR ([0-9]+).*TORCH_VERSION_MINOR ([0-9]+).*TORCH_VERSION_PATCH ([0-9]+)")
      set(LIBTORCH_VERSION "${CMAKE_MATCH_1}.${CMAKE_MATCH_2}.${CMAKE_MATCH_3}")
    endif()
  endif()
endforeach()
string(REGEX MATCH "^[0-9]+\\.[0-9]+" libtorch_release "${LIBTORCH_VERSION}")
if(libtorch_release VERSION_LESS LIBTORCH_OLDEST OR libtorch_release VERSION_GREATER LIBTORCH_NEWEST)
  message(FATAL_ERROR "LIBTORCH=${LIBTORCH_DIR} is version '${LIBTORCH_VERSION}'; "
    "supported are ${LIBTORCH_OLDEST} to ${LIBTORCH_NEWEST}.")
endif()

function(densehybrid_import_library name)
  add_library(densehybrid::${name} SHARED IMPORTED GLOBAL)
  set_target_properties(densehybrid::${name} PROPERTIES IMPORTED_LOCATION "${LIBTORCH_DIR}/lib/lib${name}.so")
endfunction()
densehybrid_import_library(c10)
densehybrid_import_library(torch_cpu)

add_library(densehybrid_libtorch INTERFACE)
add_library(densehybrid::libtorch ALIAS densehybrid_libtorch)
target_include_directories(densehybrid_libtorch SYSTEM INTERFACE
  "${LIBTORCH_DIR}/include" "${LIBTORCH_DIR}/include/torch/csrc/api/include")
target_compile_definitions(densehybrid_libtorch INTERFACE _GLIBCXX_USE_CXX11_ABI=1)
target_link_libraries(densehybrid_libtorch INTERFACE densehybrid::torch_cpu densehybrid::c10)
# libtorch registers its kernels in static constructors, so the libraries stay even where no symbol of them is used.
target_link_options(densehybrid_libtorch INTERFACE -Wl,--no-as-needed)
set(LIBTORCH_RPATH "${LIBTORCH_DIR}/lib")

# at::parallel_for is an inline function with an OpenMP pragma: without -fopenmp it runs on one thread, and with another
# OpenMP runtime than libtorch's two teams of threads fight for the cores. Hence -fopenmp for the compiler only, and
# libtorch's own libgomp for the linker.
find_package(Threads REQUIRED)
target_link_libraries(densehybrid_libtorch INTERFACE Threads::Threads)
if(CMAKE_CXX_COMPILER_ID STREQUAL GNU)
  target_compile_options(densehybrid_libtorch INTERFACE $<$<COMPILE_LANGUAGE:CXX>:-fopenmp>)
  file(GLOB libtorch_gomp "${LIBTORCH_DIR}/lib/libgomp*.so*" "${LIBTORCH_DIR}/../torch.libs/libgomp*.so*")
  if(libtorch_gomp)
    list(GET libtorch_gomp 0 libtorch_gomp)
    cmake_path(GET libtorch_gomp PARENT_PATH libtorch_gomp_dir)
    list(APPEND LIBTORCH_RPATH "${libtorch_gomp_dir}")
    list(REMOVE_DUPLICATES LIBTORCH_RPATH)
  else()
    set(libtorch_gomp gomp)
  endif()
  target_link_libraries(densehybrid_libtorch INTERFACE "${libtorch_gomp}")
else()
  find_package(OpenMP REQUIRED COMPONENTS CXX)
  target_link_libraries(densehybrid_libtorch INTERFACE OpenMP::OpenMP_CXX)
endif()
message(STATUS "libtorch ${LIBTORCH_VERSION} at ${LIBTORCH_DIR}")
