#include "io/safetensors.h"

#include <ATen/ops/empty.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "common/error.h"
#include "io/atomic_file.h"
#include "io/json.h"

namespace densehybrid {
namespace {

constexpr uint64_t kMaxHeaderBytes = 100'000'000;
constexpr std::pair<const char*, at::ScalarType> kDtypes[] = {
    {"F64", at::kDouble}, {"F32", at::kFloat}, {"F16", at::kHalf},  {"BF16", at::kBFloat16}, {"I64", at::kLong},
    {"I32", at::kInt},    {"I16", at::kShort}, {"I8", at::kChar},   {"U8", at::kByte},       {"BOOL", at::kBool},
};

class InputFile {
 public:
  explicit InputFile(const std::string& path) : path_(path), descriptor_(::open(path.c_str(), O_RDONLY | O_CLOEXEC)) {
    if (descriptor_ < 0) {
      if (errno == ENOENT) throw Error("NOT_FOUND", "There is no file " + path + ".");
      throw Error("IO", "Cannot open " + path + ": " + std::strerror(errno) + ".");
    }
    struct stat status {};
    ::fstat(descriptor_, &status);
    if (!S_ISREG(status.st_mode)) {
      ::close(descriptor_);
      throw Error("INVALID_FILE", path + " is not a regular file.");
    }
    size_ = static_cast<uint64_t>(status.st_size);
  }
  ~InputFile() { ::close(descriptor_); }
  InputFile(const InputFile&) = delete;
  InputFile& operator=(const InputFile&) = delete;

  uint64_t size() const { return size_; }

  void read(void* target, uint64_t bytes, uint64_t offset) const {
    char* cursor = static_cast<char*>(target);
    while (bytes > 0) {
      const ssize_t got = ::pread(descriptor_, cursor, bytes, static_cast<off_t>(offset));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) throw Error("IO", "Cannot read " + path_ + ": " + std::strerror(errno) + ".");
      if (got == 0) throw Error("INVALID_FILE", path_ + " is truncated.");
      cursor += got;
      offset += static_cast<uint64_t>(got);
      bytes -= static_cast<uint64_t>(got);
    }
  }

 private:
  std::string path_;
  int descriptor_;
  uint64_t size_ = 0;
};

[[noreturn]] void reject(const std::string& path, const std::string& reason) {
  throw Error("INVALID_FILE", path + " is not a valid safetensors file: " + reason + ".",
              "If it was copied or downloaded, fetch it again.");
}

SafetensorsHeader::Entry parse_entry(const std::string& path, const std::string& name, const JsonValue& value,
                                     uint64_t data_bytes) {
  const JsonValue* dtype = value.find("dtype");
  const JsonValue* shape = value.find("shape");
  const JsonValue* offsets = value.find("data_offsets");
  if (dtype == nullptr || dtype->kind != JsonValue::Kind::string || shape == nullptr ||
      shape->kind != JsonValue::Kind::array || offsets == nullptr || offsets->kind != JsonValue::Kind::array ||
      offsets->items.size() != 2) {
    reject(path, "tensor " + name + " lacks dtype, shape or data_offsets");
  }
  SafetensorsHeader::Entry entry;
  entry.name = name;
  const auto* known = std::find_if(std::begin(kDtypes), std::end(kDtypes),
                                   [&](const auto& pair) { return dtype->text == pair.first; });
  if (known == std::end(kDtypes)) reject(path, "tensor " + name + " has the unknown dtype " + dtype->text);
  entry.dtype = known->second;
  uint64_t bytes = c10::elementSize(entry.dtype);
  for (const JsonValue& extent : shape->items) {
    if (extent.kind != JsonValue::Kind::integer) reject(path, "tensor " + name + " has an invalid shape");
    if (extent.integer != 0 && bytes > kMaxHeaderBytes * 100'000 / static_cast<uint64_t>(extent.integer)) {
      reject(path, "tensor " + name + " has an impossible size");
    }
    bytes *= static_cast<uint64_t>(extent.integer);
    entry.shape.push_back(extent.integer);
  }
  for (const JsonValue& offset : offsets->items) {
    if (offset.kind != JsonValue::Kind::integer) reject(path, "tensor " + name + " has invalid data_offsets");
  }
  entry.begin = static_cast<uint64_t>(offsets->items[0].integer);
  entry.end = static_cast<uint64_t>(offsets->items[1].integer);
  if (entry.end < entry.begin || entry.end - entry.begin != bytes) {
    reject(path, "tensor " + name + " has data_offsets that do not fit its shape");
  }
  if (entry.end > data_bytes) reject(path, "the file is truncated (tensor " + name + " lies beyond its end)");
  return entry;
}

SafetensorsHeader parse_header(const std::string& path, const InputFile& file) {
  if (file.size() < 8) reject(path, file.size() == 0 ? "the file is empty" : "the file is truncated");
  uint64_t length = 0;
  file.read(&length, 8, 0);
  if (length > kMaxHeaderBytes) reject(path, "its first eight bytes are not a header length");
  if (8 + length > file.size()) reject(path, "the file is truncated inside its header");
  std::string text(length, '\0');
  file.read(text.data(), length, 8);

  SafetensorsHeader header;
  header.data_offset = 8 + length;
  JsonValue root;
  try {
    root = parse_json(text);
  } catch (const std::runtime_error& error) {
    reject(path, std::string("its header is not JSON (") + error.what() + ")");
  }
  if (root.kind != JsonValue::Kind::object) reject(path, "its header is not a JSON object");
  const uint64_t data_bytes = file.size() - header.data_offset;
  for (const auto& [name, value] : root.members) {
    if (value.kind != JsonValue::Kind::object) reject(path, "its entry " + name + " is not an object");
    if (name != "__metadata__") {
      header.entries.push_back(parse_entry(path, name, value, data_bytes));
      continue;
    }
    for (const auto& [key, item] : value.members) {
      if (item.kind != JsonValue::Kind::string) reject(path, "its metadata entry " + key + " is not a string");
      header.metadata[key] = item.text;
    }
  }
  std::sort(header.entries.begin(), header.entries.end(),
            [](const auto& a, const auto& b) { return std::tie(a.begin, a.end) < std::tie(b.begin, b.end); });
  for (size_t i = 1; i < header.entries.size(); ++i) {
    if (header.entries[i].begin < header.entries[i - 1].end) {
      reject(path, "tensors " + header.entries[i - 1].name + " and " + header.entries[i].name + " overlap");
    }
  }
  return header;
}

}  // namespace

std::string safetensors_dtype(at::ScalarType type) {
  for (const auto& [name, known] : kDtypes) {
    if (known == type) return name;
  }
  throw Error("INTERNAL", std::string("safetensors cannot hold ") + c10::toString(type) + ".");
}

SafetensorsHeader read_safetensors_header(const std::string& path) { return parse_header(path, InputFile(path)); }

std::pair<NamedTensors, Metadata> read_safetensors(const std::string& path) {
  const InputFile file(path);
  SafetensorsHeader header = parse_header(path, file);
  NamedTensors tensors;
  tensors.reserve(header.entries.size());
  for (const auto& entry : header.entries) {
    at::Tensor tensor = at::empty(entry.shape, at::TensorOptions().dtype(entry.dtype));
    file.read(tensor.mutable_data_ptr(), entry.end - entry.begin, header.data_offset + entry.begin);
    tensors.emplace_back(entry.name, std::move(tensor));
  }
  return {std::move(tensors), std::move(header.metadata)};
}

void write_safetensors(const std::string& path, const NamedTensors& tensors, const Metadata& metadata) {
  std::string header = "{";
  if (!metadata.empty()) {
    header += "\"__metadata__\":{";
    for (const auto& [key, value] : metadata) header += json_quote(key) + ":" + json_quote(value) + ",";
    header.back() = '}';
    header += ',';
  }
  uint64_t offset = 0;
  for (const auto& [name, tensor] : tensors) {
    header += json_quote(name) + ":{\"dtype\":\"" + safetensors_dtype(tensor.scalar_type()) + "\",\"shape\":[";
    for (int64_t i = 0; i < tensor.dim(); ++i) {
      if (i > 0) header += ',';
      header += std::to_string(tensor.size(i));
    }
    const uint64_t end = offset + static_cast<uint64_t>(tensor.numel()) * tensor.element_size();
    header += "],\"data_offsets\":[" + std::to_string(offset) + "," + std::to_string(end) + "]},";
    offset = end;
  }
  if (header.back() == ',') header.pop_back();
  header += '}';
  header.append((8 - header.size() % 8) % 8, ' ');  // data start on a multiple of 8 bytes

  AtomicFile file(path);
  const uint64_t length = header.size();
  file.write(&length, 8);
  file.write(header.data(), header.size());
  for (const auto& [name, tensor] : tensors) {
    const at::Tensor data = tensor.detach().to(at::kCPU).contiguous();
    file.write(data.const_data_ptr(), static_cast<size_t>(data.numel()) * data.element_size());
  }
  file.commit();
}

}  // namespace densehybrid
