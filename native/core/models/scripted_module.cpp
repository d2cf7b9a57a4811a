#include "models/scripted_module.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/isfinite.h>
#include <c10/core/GradMode.h>
#include <torch/csrc/jit/api/function_impl.h>
#include <torch/csrc/jit/ir/ir.h>
#include <torch/csrc/jit/runtime/graph_executor.h>
#include <torch/csrc/jit/serialization/import.h>

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <unordered_set>

#include "common/error.h"

namespace densehybrid {
namespace {

using torch::jit::Graph;
using torch::jit::Node;
using torch::jit::Value;

// What went wrong, out of a message of libtorch: the last line "SomeError: …" of an interpreter's traceback, else the first
// line. Bytes of a damaged file are left out.
std::string reason_of(const std::string& text) {
  std::istringstream lines(text.substr(0, text.find("Exception raised from")));
  std::string first;
  std::string last_error;
  for (std::string line; std::getline(lines, line);) {
    if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
    if (first.empty()) first = line;
    const size_t colon = line.find("Error: ");
    if (colon != std::string::npos && line.find(' ') > colon) last_error = line;
  }
  std::string found = last_error.empty() ? first : last_error;
  std::erase_if(found, [](char c) { return c != ' ' && std::isprint(static_cast<unsigned char>(c)) == 0; });
  constexpr size_t kLongest = 300;
  return found.size() > kLongest ? found.substr(0, kLongest) + "..." : found;
}

// Operators that reach outside of the model.
void refuse_file_access(const torch::jit::Module& module, const std::string& origin) {
  const std::set<std::string> refused = {"aten::save", "aten::load", "aten::from_file"};
  const auto check = [&](Graph& graph) {
    for (const std::string& name : refused) {
      if (!torch::jit::findAllNodes(graph, c10::Symbol::fromQualString(name), /*recurse=*/true).empty()) {
        throw Error("INVALID_FILE", origin + " calls " + name + ", which reads or writes files; such modules are refused.");
      }
    }
  };
  for (const torch::jit::Module& part : module.modules()) {
    for (const torch::jit::Method& method : part.get_methods()) check(*method.graph());
  }
  for (torch::jit::Function* function : module._ivalue()->compilation_unit()->get_functions()) {
    if (auto* graph = torch::jit::tryToGraphFunction(*function)) check(*graph->graph());
  }
}

// forward(self, image), and what has a default.
void check_arguments(const c10::FunctionSchema& schema, const std::string& origin) {
  const auto& arguments = schema.arguments();
  std::string names;
  for (size_t i = 1; i < arguments.size(); ++i) {
    if (!arguments[i].default_value()) names += (names.empty() ? "" : ", ") + arguments[i].name();
  }
  if (arguments.size() < 2 || names.find(',') != std::string::npos) {
    throw Error("INVALID_FILE", origin + ": forward takes (" + names + "), but a module is called with one image.",
                "Wrap it in a module whose forward takes the image alone.");
  }
}

torch::jit::Module load_module(std::istream& stream, const std::string& origin) {
  try {
    torch::jit::Module module = torch::jit::load(stream, at::kCPU, /*load_debug_files=*/false);
    const auto forward = module.find_method("forward");
    if (!forward) throw Error("INVALID_FILE", origin + " is a TorchScript module without a forward method.");
    check_arguments(forward->function().getSchema(), origin);
    refuse_file_access(module, origin);
    return module;
  } catch (const Error&) {
    throw;
  } catch (const std::exception& error) {
    throw Error("INVALID_FILE", origin + " cannot be read as a TorchScript module: " + reason_of(error.what()),
                "Write it in Python with torch.jit.save(torch.jit.script(model.eval()), path), or torch.jit.trace(model.eval(), image).");
  }
}

// "backbone.layer4" for self.backbone.layer4; empty for self; "?" for anything else.
std::string path_of(const Value* value, const Graph& graph) {
  if (value == graph.inputs().front()) return "";
  const Node* node = value->node();
  if (node->kind() != c10::prim::GetAttr) return "?";
  const std::string outer = path_of(node->input(0), graph);
  return (outer.empty() ? "" : outer + ".") + node->s(c10::attr::name);
}

// The output of the submodule at `path`, after the calls around it were inlined into the graph; null where there is none.
// `called` collects what forward() calls on the way.
Value* find_call(Graph& graph, const std::string& path, std::set<std::string>& called) {
  for (bool inlined = true; inlined;) {
    inlined = false;
    for (Node* node : graph.nodes()) {
      if (node->kind() != c10::prim::CallMethod) continue;
      const std::string owner = path_of(node->input(0), graph);
      called.insert(owner);
      if (owner == path && node->s(c10::attr::name) == "forward") return node->output();
      const bool around = owner.empty() || path.rfind(owner + ".", 0) == 0;
      if (!around) continue;
      torch::jit::Function& function =
          node->input(0)->type()->expect<c10::ClassType>()->getMethod(node->s(c10::attr::name));
      torch::jit::inlineCallTo(node, &torch::jit::toGraphFunction(function));
      inlined = true;
      break;  // the list of nodes has changed
    }
  }
  return nullptr;
}

}  // namespace

ScriptedModule::ScriptedModule(torch::jit::Module module, const std::string& origin) : module_(std::move(module)) {
  module_.train(false);  // all of it: submodules may have been saved in another mode
  collect_slots();
  if (slots_.empty()) throw Error("INVALID_FILE", origin + " has no weights: was it frozen? Save it before torch.jit.freeze.");
  for (const torch::jit::Module& part : module_.modules()) {
    for (const torch::jit::Method& method : part.get_methods()) {
      for (const Node* node : torch::jit::findAllNodes(*method.graph(), c10::prim::GetAttr, /*recurse=*/true)) {
        has_training_mode_ = has_training_mode_ || node->s(c10::attr::name) == "training";
      }
    }
  }
}

ScriptedModule ScriptedModule::from_file(const std::string& path, at::Device device) {
  if (!std::filesystem::exists(path)) throw Error("NOT_FOUND", path + " does not exist.");
  std::ifstream stream(path, std::ios::binary);
  ScriptedModule loaded(load_module(stream, path), path);
  loaded.check_finite(path);
  loaded.move_to(device);
  return loaded;
}

ScriptedModule ScriptedModule::from_archive(const std::string& archive, const NamedTensors& weights, at::Device device) {
  std::istringstream stream(archive);
  ScriptedModule loaded(load_module(stream, "The checkpoint's module"), "The checkpoint's module");
  for (Slot& slot : loaded.slots_) {
    const auto found = std::find_if(weights.begin(), weights.end(), [&](const auto& entry) { return entry.first == slot.name; });
    if (found == weights.end()) {
      throw Error("INVALID_FILE", "The checkpoint lacks the tensor " + slot.name + " of its module.");
    }
    const at::Tensor& value = found->second;
    const at::ScalarType wanted = slot.tensor.scalar_type();
    if (wanted != value.scalar_type() && !(slot.tensor.is_floating_point() && value.scalar_type() == at::kFloat)) {
      throw Error("INVALID_FILE", "The checkpoint's tensor " + slot.name + " is " + safetensors_dtype(value.scalar_type()) +
                                      ", and its module has " + safetensors_dtype(wanted) + ".");
    }
    slot.tensor.set_data(value.clone());
  }
  loaded.check_finite("The checkpoint");
  loaded.move_to(device);
  return loaded;
}

// Named tensors once each: a tied weight has the first of its names.
void ScriptedModule::collect_slots() {
  std::unordered_set<const void*> seen;
  std::set<std::string> parameters;
  const auto add = [&](const std::string& name, const at::Tensor& tensor, bool parameter) {
    if (!tensor.defined() || !seen.insert(tensor.unsafeGetTensorImpl()).second) return;
    if (tensor.is_complex() || tensor.is_quantized() || tensor.layout() != at::kStrided) {
      throw Error("INVALID_FILE", "The module's tensor " + name + " is complex, quantised or sparse; such modules cannot be stored.");
    }
    slots_.push_back({name, tensor, parameter && tensor.is_floating_point()});
  };
  for (const auto& entry : module_.named_parameters()) {
    parameters.insert(entry.name);
    add(entry.name, entry.value, true);
  }
  for (const auto& entry : module_.named_attributes()) {
    if (entry.value.isTensor() && parameters.count(entry.name) == 0) add(entry.name, entry.value.toTensor(), false);
  }
}

void ScriptedModule::move_to(at::Device device) {
  for (Slot& slot : slots_) {
    at::Tensor value = slot.tensor.detach();
    if (value.is_floating_point() && value.scalar_type() != at::kFloat) {
      weights_dtype_ = safetensors_dtype(value.scalar_type());
      value = value.to(at::kFloat);
    }
    value = value.to(device);
    if (value.dim() == 4) value = value.contiguous(at::MemoryFormat::ChannelsLast);
    slot.tensor.set_data(value);
    slot.tensor.set_requires_grad(slot.trainable);
  }
}

void ScriptedModule::check_finite(const std::string& origin) const {
  for (const Slot& slot : slots_) {
    if (slot.tensor.is_floating_point() && !at::isfinite(slot.tensor).all().item<bool>()) {
      throw Error("INVALID_FILE", origin + ": the tensor " + slot.name + " holds values that are not finite.");
    }
  }
}

std::string ScriptedModule::archive() const {
  std::vector<at::Tensor> values;
  for (const Slot& slot : slots_) {
    values.push_back(slot.tensor.detach());
    at::Tensor tensor = slot.tensor;
    tensor.set_data(at::empty({0}, tensor.options()));
  }
  std::ostringstream stream;
  std::exception_ptr failed;
  try {
    module_.save(stream);
  } catch (...) {
    failed = std::current_exception();
  }
  for (size_t i = 0; i < slots_.size(); ++i) {
    at::Tensor tensor = slots_[i].tensor;
    tensor.set_data(values[i]);
  }
  try {
    if (failed) std::rethrow_exception(failed);
  } catch (const std::exception& error) {
    throw Error("INVALID_FILE", std::string("The module cannot be stored: ") + reason_of(error.what()));
  }
  return stream.str();
}

void ScriptedModule::capture(const std::string& path) {
  const auto graph = torch::jit::toGraphFunction(module_.get_method("forward").function()).graph()->copy();
  std::set<std::string> called;
  Value* value = find_call(*graph, path, called);
  if (value == nullptr) {
    std::string names;
    for (const std::string& name : called) {
      if (!name.empty() && name != "?") names += (names.empty() ? "" : ", ") + name;
    }
    for (const Node* node : torch::jit::findAllNodes(*graph, c10::prim::CallMethod, /*recurse=*/true)) {
      if (path_of(node->input(0), *graph) != path) continue;
      throw Error("INVALID_ARGUMENT", "The module calls " + path + " inside an if or a loop, where its output cannot be taken.",
                  "Choose a submodule outside of it, or return the features from forward.");
    }
    throw Error("INVALID_ARGUMENT", "The module's forward does not call a submodule " + path + ".",
                names.empty() ? "It calls no submodule by name." : "It calls " + names + ".");
  }
  if (value->type()->kind() != c10::TypeKind::TensorType) {
    throw Error("INVALID_ARGUMENT", "The submodule " + path + " does not return one tensor but " + value->type()->str() + ".");
  }
  Node* both = graph->createTuple({graph->outputs().front(), value});
  graph->appendNode(both);
  graph->eraseOutput(0);
  graph->registerOutput(both->output());
  with_capture_ = std::make_shared<torch::jit::GraphFunction>("forward", graph, nullptr);
}

c10::IValue ScriptedModule::run(const at::Tensor& image, bool training) const {
  if (has_training_mode_ && module_.attr("training", false).toBool() != training) module_.train(training);
  // Without profiling: the interpreter runs the operators as they are written, from the first call on.
  const torch::jit::GraphOptimizerEnabledGuard as_written(false);
  try {
    if (!with_capture_) return module_.forward({image});
    torch::jit::Stack stack = {module_._ivalue(), image};
    module_.get_method("forward").function().getSchema().checkAndNormalizeInputs(stack);  // adds default arguments
    with_capture_->run(stack);
    return stack.back();
  } catch (const Error&) {
    throw;
  } catch (const std::exception& error) {
    std::ostringstream size;
    size << image.size(3) << "×" << image.size(2);
    throw Error("INVALID_ARGUMENT", "The module failed on an image of " + size.str() + " pixels: " + reason_of(error.what()),
                "Does it need a fixed input size (inputSize), or one that is a multiple of its stride (padTo)?");
  }
}

}  // namespace densehybrid
