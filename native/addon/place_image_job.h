#pragma once

#include "napi_config.h"

namespace densehybrid::addon {

// placeImage(source, target, { from, to, mirror, fill }), see ops/place_image.h. Runs on libuv's pool, beside the
// decoding of other images, not on the compute queue.
Napi::Value place_image_job(const Napi::CallbackInfo& info);

}  // namespace densehybrid::addon
