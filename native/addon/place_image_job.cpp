#include "place_image_job.h"

#include <limits>
#include <optional>

#include "convert.h"
#include "errors.h"
#include "ops/place_image.h"

namespace densehybrid::addon {
namespace {

struct Image {
  uint8_t* data;
  std::array<int64_t, 3> shape;  // H, W, C
};

Image image_argument(const Napi::Value& value, const char* name, std::vector<Napi::ObjectReference>& references) {
  const TensorView view = tensor_argument(value, name, references);
  const bool fits = view.dtype == at::kByte && view.shape.size() == 3 && (view.shape[2] == 1 || view.shape[2] == 3);
  if (!fits || view.shape[0] < 1 || view.shape[1] < 1)
    throw_invalid(value.Env(), std::string("Expected ") + name + " as Uint8Array H×W×1 or H×W×3, not empty.");
  return {static_cast<uint8_t*>(view.data), {view.shape[0], view.shape[1], view.shape[2]}};
}

ImagePlacement::Box box_argument(const Napi::Object& options, const char* name, const Image& inside) {
  const Napi::Object object = required_object(options.Get(name), name);
  const auto number = [&](const char* key) {
    const double value = required_number(object, key);
    // A cast of anything else is undefined.
    return value >= 0 && value <= std::numeric_limits<int32_t>::max() ? static_cast<int64_t>(value) : int64_t{-1};
  };
  const ImagePlacement::Box box{number("top"), number("left"), number("height"), number("width")};
  const auto [height, width, channels] = inside.shape;
  if (box.top < 0 || box.left < 0 || box.height < 1 || box.width < 1 || box.top + box.height > height ||
      box.left + box.width > width)
    throw_invalid(options.Env(), std::string("Expected ") + name + " inside of its image.");
  return box;
}

class PlaceImageWork : public Napi::AsyncWorker {
 public:
  PlaceImageWork(Napi::Env env, std::vector<Napi::ObjectReference> references, Image source, Image target,
                 const ImagePlacement& placement)
      : Napi::AsyncWorker(env, "placeImage"),
        deferred_(Napi::Promise::Deferred::New(env)),
        references_(std::move(references)),
        source_(source),
        target_(target),
        placement_(placement) {}

  Napi::Promise promise() const { return deferred_.Promise(); }

  void Execute() override {
    try {
      place_image(source_.data, source_.shape, target_.data, {target_.shape[0], target_.shape[1]}, placement_);
    } catch (...) {
      error_ = describe_current_exception();
    }
  }

  void OnOK() override {
    if (error_) deferred_.Reject(to_js_error(Env(), *error_).Value());
    else deferred_.Resolve(Env().Undefined());
  }

 private:
  Napi::Promise::Deferred deferred_;
  std::vector<Napi::ObjectReference> references_;
  Image source_, target_;
  ImagePlacement placement_;
  std::optional<ErrorInfo> error_;
};

}  // namespace

Napi::Value place_image_job(const Napi::CallbackInfo& info) {
  std::vector<Napi::ObjectReference> references;
  const Image source = image_argument(info[0], "source", references);
  const Image target = image_argument(info[1], "target", references);
  if (source.shape[2] != target.shape[2]) throw_invalid(info.Env(), "source and target differ in channels.");
  const Napi::Object options = required_object(info[2], "options");
  ImagePlacement placement{box_argument(options, "from", source), box_argument(options, "to", target),
                           optional_bool(options, "mirror", false), {}};
  const Napi::Object fill = required_object(options.Get("fill"), "fill");
  for (uint32_t i = 0; i < placement.fill.size(); ++i) {
    const Napi::Value value = fill.Get(i);
    const double level = value.IsNumber() ? value.As<Napi::Number>().DoubleValue() : 0.0;
    placement.fill[i] = static_cast<uint8_t>(level >= 0 && level <= 255 ? level : 0);
  }
  auto* work = new PlaceImageWork(info.Env(), std::move(references), source, target, placement);
  const Napi::Promise promise = work->promise();
  work->Queue();
  return promise;
}

}  // namespace densehybrid::addon
