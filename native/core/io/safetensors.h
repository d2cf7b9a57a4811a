#pragma once

#include <ATen/core/Tensor.h>

#include <map>
#include <string>
#include <utility>
#include <vector>

namespace densehybrid {

using NamedTensors = std::vector<std::pair<std::string, at::Tensor>>;
using Metadata = std::map<std::string, std::string>;

// The safetensors format: 8 bytes little-endian header length, a JSON header, then the raw little-endian data.
struct SafetensorsHeader {
  struct Entry {
    std::string name;
    at::ScalarType dtype;
    std::vector<int64_t> shape;
    uint64_t begin = 0;  // bytes from the start of the data
    uint64_t end = 0;
  };
  std::vector<Entry> entries;  // in order of their data
  Metadata metadata;
  uint64_t data_offset = 0;
};

// Both throw Error INVALID_FILE with the file's name and the reason; a header is checked fully (sizes, overlaps,
// bounds) before anything is read.
SafetensorsHeader read_safetensors_header(const std::string& path);
std::pair<NamedTensors, Metadata> read_safetensors(const std::string& path);

// Atomic (see AtomicFile). Tensors of any device and memory format are written contiguous.
void write_safetensors(const std::string& path, const NamedTensors& tensors, const Metadata& metadata);

// "F32" for at::kFloat and so on.
std::string safetensors_dtype(at::ScalarType type);

}  // namespace densehybrid
