# microbrew_native as a user C module for ports built by CMake: -DUSER_C_MODULES=.../firmware/native/crypto/micropython.cmake

if(NOT DEFINED BEARSSL_DIR)
    set(BEARSSL_DIR ${CMAKE_CURRENT_LIST_DIR}/../../../build/src/bearssl)
endif()

add_library(usermod_microbrew_native INTERFACE)
target_sources(usermod_microbrew_native INTERFACE
    ${CMAKE_CURRENT_LIST_DIR}/modmicrobrew_native.c
    ${CMAKE_CURRENT_LIST_DIR}/p256_bearssl.c
    ${CMAKE_CURRENT_LIST_DIR}/symmetric_bearssl.c
    ${CMAKE_CURRENT_LIST_DIR}/x25519_bearssl.c
)
target_include_directories(usermod_microbrew_native INTERFACE
    ${CMAKE_CURRENT_LIST_DIR} ${BEARSSL_DIR}/inc ${BEARSSL_DIR}/src
)
target_link_libraries(usermod INTERFACE usermod_microbrew_native)
