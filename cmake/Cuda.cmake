# CUDA, where libtorch has it and nvcc exists. Kernels (.cu) are free of libtorch's headers: raw pointers and a stream
# behind launchers, which compile in 2 s per architecture instead of 22.
#
# In:  DENSEHYBRID_CUDA (AUTO, ON, OFF), LIBTORCH_DIR
# Out: DENSEHYBRID_HAS_CUDA; extends densehybrid::libtorch and LIBTORCH_RPATH

set(DENSEHYBRID_HAS_CUDA OFF)
if(DENSEHYBRID_CUDA STREQUAL OFF)
  return()
endif()

# Gives up on CUDA: an error where it was asked for, else a note.
macro(densehybrid_no_cuda reason)
  if(DENSEHYBRID_CUDA STREQUAL ON)
    message(FATAL_ERROR "DENSEHYBRID_CUDA=ON, but ${reason}.")
  endif()
  message(STATUS "No CUDA: ${reason}")
  return()
endmacro()

if(NOT EXISTS "${LIBTORCH_DIR}/lib/libtorch_cuda.so")
  densehybrid_no_cuda("the libtorch at ${LIBTORCH_DIR} is a CPU build")
endif()
find_program(NVCC_PROGRAM nvcc HINTS "$ENV{CUDA_HOME}/bin" "$ENV{CUDA_PATH}/bin" /usr/local/cuda/bin)
if(NOT NVCC_PROGRAM)
  densehybrid_no_cuda("nvcc was not found on the PATH")
endif()

# Libraries of a Python wheel lie in packages beside torch; the libtorch archive has them in its own lib/.
cmake_path(GET LIBTORCH_DIR PARENT_PATH site_packages)
file(GLOB nvidia_lib_dirs LIST_DIRECTORIES true "${site_packages}/nvidia/*/lib")
file(GLOB nvidia_include_dirs LIST_DIRECTORIES true "${site_packages}/nvidia/*/include")
set(cudart "")
foreach(folder "${LIBTORCH_DIR}/lib" ${nvidia_lib_dirs})
  file(GLOB found "${folder}/libcudart*.so*")
  list(APPEND cudart ${found})
endforeach()
if(NOT cudart)
  densehybrid_no_cuda("libcudart lies neither in ${LIBTORCH_DIR}/lib nor in ${site_packages}/nvidia: keep torch/ and nvidia/ side by side")
endif()
list(GET cudart 0 cudart)

execute_process(COMMAND "${NVCC_PROGRAM}" --version OUTPUT_VARIABLE nvcc_says ERROR_QUIET)
string(REGEX REPLACE ".*release ([0-9]+)\\..*" "\\1" nvcc_major "${nvcc_says}")
set(libtorch_cuda_major "${nvcc_major}")
if(EXISTS "${LIBTORCH_DIR}/version.py")
  file(STRINGS "${LIBTORCH_DIR}/version.py" line REGEX "^cuda.*=")  # cuda: Optional[str] = '13.0'
  if(line MATCHES "'([0-9]+)\\.")
    set(libtorch_cuda_major "${CMAKE_MATCH_1}")
  endif()
endif()
if(NOT nvcc_major EQUAL libtorch_cuda_major)
  densehybrid_no_cuda("nvcc is CUDA ${nvcc_major} and the libtorch at ${LIBTORCH_DIR} is built for CUDA ${libtorch_cuda_major}")
endif()

if(NOT DEFINED CMAKE_CUDA_ARCHITECTURES)
  set(CMAKE_CUDA_ARCHITECTURES 75 80 86 90)  # newer GPUs compile the PTX of the last one when they load it
endif()
# libtorch brings its own runtime library; a second one would keep its own state.
set(CMAKE_CUDA_RUNTIME_LIBRARY None)
include(CheckLanguage)
set(ENV{CUDACXX} "${NVCC_PROGRAM}")
set(ENV{CUDAHOSTCXX} "${CMAKE_CXX_COMPILER}")
check_language(CUDA)
if(NOT CMAKE_CUDA_COMPILER)
  densehybrid_no_cuda("${NVCC_PROGRAM} does not compile with ${CMAKE_CXX_COMPILER}")
endif()
enable_language(CUDA)
# CMake 3.25 does not know the flag of C++20 for nvcc.
set(CMAKE_CUDA20_STANDARD_COMPILE_OPTION -std=c++20)
set(CMAKE_CUDA20_EXTENSION_COMPILE_OPTION -std=c++20)
set(CMAKE_CUDA_STANDARD 20)

densehybrid_import_library(c10_cuda)
densehybrid_import_library(torch_cuda)
target_include_directories(densehybrid_libtorch SYSTEM INTERFACE
  ${CMAKE_CUDA_TOOLKIT_INCLUDE_DIRECTORIES} ${nvidia_include_dirs})
target_compile_definitions(densehybrid_libtorch INTERFACE DENSEHYBRID_CUDA=1)
# Some of the libraries behind torch_cuda resolve only on a host with the driver.
target_link_options(densehybrid_libtorch INTERFACE -Wl,--allow-shlib-undefined)
target_link_libraries(densehybrid_libtorch INTERFACE densehybrid::torch_cuda densehybrid::c10_cuda "${cudart}")
list(APPEND LIBTORCH_RPATH ${nvidia_lib_dirs})
set(DENSEHYBRID_HAS_CUDA ON)
message(STATUS "CUDA ${CMAKE_CUDA_COMPILER_VERSION}, architectures ${CMAKE_CUDA_ARCHITECTURES}")
