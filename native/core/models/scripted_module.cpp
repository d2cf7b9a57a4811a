#include "models/scripted_module.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/isfinite.h>
#include <c10/core/GradMode.h>
#include <torch/csrc/jit/api/function_impl.h>
#include <torch/csrc/jit/ir/ir.h>
#include <torch/csrc/jit/runtime/graph_executor.h>
#include <torch/csrc/jit/serialization/import.h>

#include <algorithm>
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

// The line of an interpreter's traceback that says what went wrong.
std::string last_line(const std::string& text) {
  std::istringstream lines(text);
  std::string found;
  for (std::string line; std::getline(lines, line);) {
    const bool says = line.find_first_not_of(" \t\r~^.<-HERE") != std::string::npos && line.rfind("Exception raised from", 0) != 0 &&
                      line.rfind("frame #", 0) != 0;
    if (line.rfind("Exception raised from", 0) == 0) break;
    if (says) found = line;
  }
  constexpr size_t kLongest = 300;
  return found.size() > kLongest ? found.substr(0, kLongest) + "…" : found;
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

torch::jit::Module load_module(std::istream& stream, const std::string& origin) {
  try {
    torch::jit::Module module = torch::jit::load(stream, at::kCPU, /*load_debug_files=*/false);
    if (!module.find_method("forward")) throw Error("INVALID_FILE", origin + " is a TorchScript module without a forward method.");
    refuse_file_access(module, origin);
    return module;
  } catch (const Error&) {
    throw;
  } catch (const std::exception& error) {
    throw Error("INVALID_FILE", origin + " cannot be read as a TorchScript module: " + last_line(error.what()),
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
    slot.tensor.set_data(found->second.clone());
  }
  loaded.move_to(device);
  return loaded;
}

// Named tensors once each: a tied weight has the first of its names.
void ScriptedModule::collect_slots() {
  std::unordered_set<const void*> seen;
  std::set<std::string> parameters;
  const auto add = [&](const std::string& name, const at::Tensor& tensor, bool parameter) {
    if (!tensor.defined() || !seen.insert(tensor.unsafeGetTensorImpl()).second) return;
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
  if (failed) std::rethrow_exception(failed);
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
    if (with_capture_) return (*with_capture_)({module_._ivalue(), image});
    return module_.forward({image});
  } catch (const Error&) {
    throw;
  } catch (const std::exception& error) {
    std::ostringstream size;
    size << image.size(3) << "×" << image.size(2);
    throw Error("INVALID_ARGUMENT", "The module failed on an image of " + size.str() + " pixels: " + last_line(error.what()),
                "Does it need a fixed input size (inputSize), or one that is a multiple of its stride (padTo)?");
  }
}

}  // namespace densehybrid
