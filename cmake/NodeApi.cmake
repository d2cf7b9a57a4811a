# The target densehybrid::node_api: header-only Node-API from the packages node-api-headers and node-addon-api. cmake-js
# passes their folders in CMAKE_JS_INC; without it node is asked.

set(node_api_includes "${CMAKE_JS_INC}")
if(NOT node_api_includes)
  find_program(NODE_PROGRAM node REQUIRED)
  execute_process(
    COMMAND "${NODE_PROGRAM}" -p "require('node-api-headers').include_dir + ';' + require('node-addon-api').include_dir"
    WORKING_DIRECTORY "${CMAKE_CURRENT_SOURCE_DIR}"
    OUTPUT_VARIABLE node_api_includes OUTPUT_STRIP_TRAILING_WHITESPACE
    RESULT_VARIABLE failed ERROR_VARIABLE reason)
  if(failed)
    message(FATAL_ERROR "node-api-headers and node-addon-api were not found; run `npm install`, or pass "
      "-DDENSEHYBRID_ADDON=OFF for the core alone.\n${reason}")
  endif()
endif()

add_library(densehybrid_node_api INTERFACE)
add_library(densehybrid::node_api ALIAS densehybrid_node_api)
foreach(folder ${node_api_includes})
  cmake_path(ABSOLUTE_PATH folder BASE_DIRECTORY "${CMAKE_CURRENT_SOURCE_DIR}" NORMALIZE)
  target_include_directories(densehybrid_node_api SYSTEM INTERFACE "${folder}")
endforeach()
# CPP_EXCEPTIONS_ALL: a c10::Error in a synchronous call becomes a JS exception instead of an abort.
# SWALLOW_UNTHROWABLE: worker.terminate() with work pending does not abort the process.
target_compile_definitions(densehybrid_node_api INTERFACE
  NAPI_VERSION=8 NODE_ADDON_API_CPP_EXCEPTIONS_ALL NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS BUILDING_NODE_EXTENSION)
