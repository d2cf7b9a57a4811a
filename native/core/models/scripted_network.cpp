#include "models/scripted_network.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/Dict.h>
#include <ATen/core/List.h>
#include <ATen/ops/affine_grid_generator.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/grid_sampler_2d.h>
#include <ATen/ops/pad.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <ATen/Context.h>
#include <c10/core/GradMode.h>

#include <cmath>
#include <cstring>
#include <mutex>
#include <sstream>

namespace densehybrid {
namespace {

constexpr const char* kArchive = "torchscript.archive";

std::string shape_text(const at::Tensor& tensor) {
  std::ostringstream text;
  text << tensor.sizes();
  return text.str();
}

// An output in words, e.g. "a dict with the keys aux, out".
std::string describe(const c10::IValue& value) {
  if (value.isTensor()) return "a tensor " + shape_text(value.toTensor());
  if (value.isTuple()) {
    std::string parts;
    for (const c10::IValue& element : value.toTupleRef().elements()) parts += (parts.empty() ? "" : ", ") + describe(element);
    return "a tuple of " + parts;
  }
  if (value.isList()) {
    std::string parts;
    for (const c10::IValue& element : value.toListRef()) parts += (parts.empty() ? "" : ", ") + describe(element);
    return "a list of " + parts;
  }
  if (value.isGenericDict()) {
    std::string keys;
    for (const auto& entry : value.toGenericDict()) {
      keys += (keys.empty() ? "" : ", ") + (entry.key().isString() ? entry.key().toStringRef() : entry.key().tagKind());
    }
    return "a dict with the keys " + keys;
  }
  return "a value of type " + value.tagKind();
}

std::optional<size_t> as_index(const std::string& text) {
  if (text.empty() || text.size() > 3 || text.find_first_not_of("0123456789") != std::string::npos) return std::nullopt;
  return std::stoul(text);
}

// The element `name` of a dict, tuple or list; nothing where there is none.
std::optional<c10::IValue> element(const c10::IValue& value, const std::string& name) {
  if (value.isGenericDict()) {
    for (const auto& entry : value.toGenericDict()) {
      if (entry.key().isString() && entry.key().toStringRef() == name) return entry.value();
    }
    return std::nullopt;
  }
  const auto index = as_index(name);
  if (!index) return std::nullopt;
  if (value.isTuple() && *index < value.toTupleRef().elements().size()) return value.toTupleRef().elements()[*index];
  if (value.isList() && *index < value.toListRef().size()) return value.toListRef()[*index];
  return std::nullopt;
}

at::Tensor map_of(const c10::IValue& value, const char* what) {
  if (value.isTensor() && value.toTensor().dim() == 4 && value.toTensor().is_floating_point()) return value.toTensor();
  throw Error("INVALID_ARGUMENT", std::string("Expected ") + what + " of shape N×C×h×w but the module gives " + describe(value) + ".");
}

// The part of a map N×C×h×w of a padded image that lies over the image, `rows` and `columns` being the shares of the image
// in the padded one.
at::Tensor crop(const at::Tensor& map, double rows, double columns) {
  const double height = rows * static_cast<double>(map.size(2));
  const double width = columns * static_cast<double>(map.size(3));
  const auto whole = [](double value) { return std::abs(value - std::nearbyint(value)) < 1e-6; };
  if (whole(height) && whole(width)) {
    return map.narrow(2, 0, std::lround(height)).narrow(3, 0, std::lround(width));
  }
  // No whole number of rows: sample the map where the pixels of ⌈height⌉×⌈width⌉ equal cells over the image lie.
  const at::Tensor theta = at::tensor({columns, 0.0, columns - 1.0, 0.0, rows, rows - 1.0}, map.options().dtype(at::kFloat))
                               .view({1, 2, 3})
                               .expand({map.size(0), 2, 3});
  const at::Tensor grid = at::affine_grid_generator(
      theta, {map.size(0), map.size(1), std::lround(std::ceil(height)), std::lround(std::ceil(width))}, /*align_corners=*/false);
  return at::grid_sampler_2d(map, grid, /*interpolation_mode=*/0, /*padding_mode=*/1, /*align_corners=*/false);
}

// A module's own dropout draws from libtorch's generator: the same step drops the same.
void seed_module(at::Device device, uint64_t seed) {
  at::Generator generator = at::globalContext().defaultGenerator(device);
  const std::lock_guard<std::mutex> lock(generator.mutex());
  generator.set_current_seed(seed * 0x9E3779B97F4A7C15ull + 1);
}

int64_t up_to_multiple(int64_t value, int64_t of) { return (value + of - 1) / of * of; }

ScriptedOptions options_of(const Options& options) {
  ScriptedOptions result;
  for (const auto& [name, value] : options) {
    if (name == "logits") result.logits = std::get<std::string>(value);
    else if (name == "features") result.features = std::get<std::string>(value);
    else if (name == "channels") result.bgr = std::get<std::string>(value) == "bgr";
    else if (name == "padTo") result.pad_to = static_cast<int64_t>(std::get<double>(value));
    else if (name == "inputHeight") result.input_height = static_cast<int64_t>(std::get<double>(value));
    else if (name == "inputWidth") result.input_width = static_cast<int64_t>(std::get<double>(value));
    else if (name != "alignCorners") throw Error("INVALID_ARGUMENT", "Unknown option " + name + " of an imported module.");
  }
  return result;
}

}  // namespace

ScriptedNetwork::ScriptedNetwork(StateDict& state, ScriptedModule module, const std::string& archive,
                                 const ScriptedOptions& options, int64_t classes)
    : module_(std::move(module)), options_(options) {
  state.begin(Part::backbone);
  for (const auto& slot : module_.slots()) state.add_existing(slot.name, slot.tensor, slot.trainable);
  at::Tensor bytes = at::zeros({static_cast<int64_t>(archive.size())}, at::kByte);
  std::memcpy(bytes.mutable_data_ptr(), archive.data(), archive.size());
  state.add_existing(kArchive, bytes, /*trainable=*/false);
  probe(classes, state.device());
  ood_logits_.emplace(open_set_head(state, report_.feature_channels > 0 ? report_.feature_channels : classes));
}

ScriptedNetwork::Maps ScriptedNetwork::pick(const c10::IValue& output) const {
  const c10::IValue result = captures_ ? output.toTupleRef().elements()[0] : output;
  Maps maps;
  const bool has_parts = result.isTuple() || result.isList() || result.isGenericDict();
  std::optional<c10::IValue> logits;
  if (!has_parts) logits = result;
  else if (!options_.logits.empty()) logits = element(result, options_.logits);
  else if (result.isGenericDict()) {
    logits = element(result, "logits");
    if (!logits) logits = element(result, "out");
  }
  if (!logits) {
    throw Error("INVALID_ARGUMENT",
                "The module returns " + describe(result) +
                    (options_.logits.empty() ? "; which of these are the logits?" : "; there is no " + options_.logits + " in it."),
                "Set logits to the key, or the index counted from 0.");
  }
  maps.logits = map_of(*logits, "logits");
  if (captures_) maps.features = map_of(output.toTupleRef().elements()[1], "features");
  else if (!options_.features.empty()) {
    const auto features = element(result, options_.features);
    if (!features) throw Error("INVALID_ARGUMENT", "The module returns " + describe(result) + "; there is no " + options_.features + " in it.");
    maps.features = map_of(*features, "features");
  }
  return maps;
}

ScriptedNetwork::Maps ScriptedNetwork::run_checked(const at::Tensor& image, bool training) const {
  Maps maps = pick(module_.run(image, training));
  const auto check = [&](const at::Tensor& map, const char* what) {
    if (map.size(0) == image.size(0)) return;
    throw Error("INVALID_ARGUMENT", "The module gives " + std::string(what) + " of shape " + shape_text(map) + " for " +
                                        std::to_string(image.size(0)) + " images: its batch size is fixed.");
  };
  check(maps.logits, "logits");
  if (maps.features.defined()) check(maps.features, "features");
  return maps;
}

ScriptedNetwork::Maps ScriptedNetwork::run(const at::Tensor& image, bool training) const {
  at::Tensor x = options_.bgr ? image.flip({1}).contiguous(image.suggest_memory_format()) : image;
  if (options_.input_height > 0) return run_checked(resize_bilinear(x, options_.input_height, options_.input_width), training);
  const int64_t height = up_to_multiple(x.size(2), options_.pad_to);
  const int64_t width = up_to_multiple(x.size(3), options_.pad_to);
  if (height == x.size(2) && width == x.size(3)) return run_checked(x, training);
  // The border is repeated: zeros would be an edge that no photo has.
  x = at::pad(x, {0, width - x.size(3), 0, height - x.size(2)}, "replicate");
  Maps maps = run_checked(x, training);
  const double rows = static_cast<double>(image.size(2)) / static_cast<double>(height);
  const double columns = static_cast<double>(image.size(3)) / static_cast<double>(width);
  maps.logits = crop(maps.logits, rows, columns);
  if (maps.features.defined()) maps.features = crop(maps.features, rows, columns);
  return maps;
}

NetworkOutput ScriptedNetwork::forward(const at::Tensor& image, const ForwardContext& context) const {
  context.cancel.check();
  if (context.training) seed_module(image.device(), context.seed);
  const Maps maps = run_part(context.freeze != Freeze::nothing, image, context,
                             [&](const ForwardContext& inner) { return run(image, inner.training); });
  context.cancel.check();
  const at::Tensor& below = maps.features.defined() ? maps.features : maps.logits;
  const at::Tensor ood = ood_logits_->forward(below.contiguous(image.suggest_memory_format()), context);
  return {maps.logits, resize_bilinear(ood, maps.logits.size(2), maps.logits.size(3))};
}

// Runs the module on grey images of several sizes, and learns from what comes back.
void ScriptedNetwork::probe(int64_t classes, at::Device device) {
  const auto grey = [&](int64_t rows, int64_t columns, int64_t images = 1) {
    return at::zeros({images, 3, rows, columns}, at::TensorOptions().device(device)).contiguous(at::MemoryFormat::ChannelsLast);
  };
  const bool fixed = options_.input_height > 0;
  if (fixed) options_.pad_to = 1;
  const int64_t given = options_.pad_to;
  options_.pad_to = 1;
  const int64_t base = std::max<int64_t>(64, given);
  const int64_t height = 2 * base;
  const int64_t width = 3 * base;
  const c10::NoGradGuard no_gradient;
  const at::Tensor first_image = fixed ? grey(options_.input_height, options_.input_width) : grey(height, width);
  const c10::IValue first = module_.run(first_image, false);
  report_.output = describe(first);
  // Features that are no part of the output are those of a submodule.
  if (!options_.features.empty() && !element(first, options_.features)) {
    if (as_index(options_.features)) {
      throw Error("INVALID_ARGUMENT", "The module returns " + describe(first) + "; there are no features " + options_.features + " in it.");
    }
    module_.capture(options_.features);
    captures_ = true;
  }
  const Maps maps = run(first_image, false);
  report_.channels = maps.logits.size(1);
  if (report_.channels != classes) {
    throw Error("INVALID_ARGUMENT", "Expected logits of " + std::to_string(classes) + " classes but the module gives " +
                                        shape_text(maps.logits) + ", that is " + std::to_string(report_.channels) + " channels.",
                "Give all the classes that the module was trained on, in its order.");
  }
  const auto ratio = [](int64_t a, int64_t b) { return static_cast<double>(a) / static_cast<double>(b); };
  report_.stride = ratio(first_image.size(2), maps.logits.size(2));
  if (maps.features.defined()) {
    report_.feature_channels = maps.features.size(1);
    report_.feature_stride = ratio(first_image.size(2), maps.features.size(2));
  }
  report_.training_mode = module_.has_training_mode();
  report_.weights_dtype = module_.weights_dtype();
  if (!fixed) {
    const Maps wider = run(grey(3 * base, 5 * base, 2), false);
    if (std::abs(ratio(3 * base, wider.logits.size(2)) - report_.stride) > 0.1 * report_.stride ||
        std::abs(ratio(5 * base, wider.logits.size(3)) - report_.stride) > 0.1 * report_.stride) {
      throw Error("INVALID_ARGUMENT",
                  "The module gives logits of " + shape_text(maps.logits) + " for an image of " + std::to_string(width) + "×" +
                      std::to_string(height) + " pixels and of " + shape_text(wider.logits) + " for one of " +
                      std::to_string(5 * base) + "×" + std::to_string(3 * base) + ": its input size is fixed.",
                  "Set inputSize to the size that it was traced with, or script it instead.");
    }
    options_.pad_to = given;
    if (given == 0) {
      for (options_.pad_to = 1; options_.pad_to <= 128; options_.pad_to = options_.pad_to == 1 ? 8 : 2 * options_.pad_to) {
        try {
          run(grey(2 * base + 21, 2 * base + 37), false);
          break;
        } catch (const Error&) {
          if (options_.pad_to == 128) throw;
        }
      }
    } else {
      run(grey(2 * base + 21, 2 * base + 37), false);
    }
  }
  report_.pad_to = options_.pad_to;
  const c10::AutoGradMode with_gradient(true);
  report_.trainable = run(first_image, false).logits.requires_grad();
}

ScriptedModel create_scripted_model(ModelConfig config, ScriptedModule module, const std::string& archive) {
  if (config.classes < 1 || config.classes > 254) {
    throw Error("INVALID_ARGUMENT", "Expected from 1 to 254 classes but received " + std::to_string(config.classes) + ".");
  }
  const ScriptedOptions options = options_of(config.options);
  const auto align = config.options.find("alignCorners");
  const bool align_corners = align != config.options.end() && std::get<bool>(align->second);
  ScriptedModel result;
  result.model = std::make_unique<SegmentationModel>(
      config,
      [&](StateDict& state, const ModelConfig& model_config) {
        auto network = std::make_unique<ScriptedNetwork>(state, std::move(module), archive, options, model_config.classes);
        result.report = network->report();
        return network;
      },
      align_corners);
  result.model->set_option("padTo", static_cast<double>(result.report.pad_to));
  return result;
}

ScriptedModel create_scripted_model(ModelConfig config, const NamedTensors& checkpoint) {
  for (const auto& [name, tensor] : checkpoint) {
    if (name != kArchive) continue;
    const at::Tensor bytes = tensor.to(at::kCPU).contiguous();
    const std::string archive(static_cast<const char*>(bytes.const_data_ptr()), static_cast<size_t>(bytes.numel()));
    return create_scripted_model(config, ScriptedModule::from_archive(archive, checkpoint, config.device), archive);
  }
  throw Error("INVALID_FILE", std::string("The checkpoint of an imported module lacks its code, the tensor ") + kArchive + ".");
}

}  // namespace densehybrid
