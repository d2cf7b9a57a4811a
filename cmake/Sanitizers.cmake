# DENSEHYBRID_SANITIZE=address,undefined. An addon built with `address` needs the runtime first in the process:
# LD_PRELOAD=$(g++ -print-file-name=libasan.so) node …

string(REPLACE "," ";" densehybrid_sanitizers "${DENSEHYBRID_SANITIZE}")
foreach(sanitizer ${densehybrid_sanitizers})
  if(NOT sanitizer MATCHES "^(address|undefined|leak|thread)$")
    message(FATAL_ERROR "DENSEHYBRID_SANITIZE=${DENSEHYBRID_SANITIZE}: expected address, undefined, leak or thread "
      "but received '${sanitizer}'.")
  endif()
endforeach()
if("thread" IN_LIST densehybrid_sanitizers AND DENSEHYBRID_SANITIZE MATCHES "address|leak")
  message(FATAL_ERROR "DENSEHYBRID_SANITIZE=${DENSEHYBRID_SANITIZE}: thread cannot be combined with address or leak.")
endif()

function(densehybrid_sanitize target)
  if(DENSEHYBRID_SANITIZE)
    set(flags -fsanitize=${DENSEHYBRID_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all -g)
    target_compile_options(${target} PRIVATE "$<$<COMPILE_LANGUAGE:CXX>:${flags}>")
    target_link_options(${target} PRIVATE ${flags})
  endif()
endfunction()
