#include "io/safetensors.h"

#include <sys/resource.h>

#include <csignal>
#include <fstream>

#include "common/error.h"
#include "io/json.h"
#include "support.h"  // last: it brings doctest after libtorch

using namespace densehybrid;
using densehybrid::test::TemporaryFolder;

namespace {

void write_raw(const std::string& path, const std::string& header, size_t data_bytes) {
  std::ofstream file(path, std::ios::binary);
  const uint64_t length = header.size();
  file.write(reinterpret_cast<const char*>(&length), 8);
  file << header << std::string(data_bytes, '\0');
}

std::string error_of(const std::string& path) {
  try {
    read_safetensors(path);
  } catch (const Error& error) {
    return error.code() + " " + error.what();
  }
  return "";
}

}  // namespace

TEST_CASE("safetensors: what is written is read back") {
  const TemporaryFolder folder;
  const at::Tensor floats = at::randn({2, 3, 4, 5}).contiguous(at::MemoryFormat::ChannelsLast);
  const at::Tensor counter = at::full({}, 7, at::kLong);
  const at::Tensor empty = at::empty({0, 3}, at::kByte);
  write_safetensors(folder / "a.safetensors", {{"floats", floats}, {"counter", counter}, {"empty \"ü\"", empty}},
                    {{"note", "line\nbreak \\ \"quote\""}});
  const auto [tensors, metadata] = read_safetensors(folder / "a.safetensors");
  REQUIRE(tensors.size() == 3);
  CHECK(metadata.at("note") == "line\nbreak \\ \"quote\"");
  for (const auto& [name, tensor] : tensors) {
    const at::Tensor& expected = name == "floats" ? floats : name == "counter" ? counter : empty;
    CHECK(tensor.sizes() == expected.sizes());
    CHECK(safetensors_dtype(tensor.scalar_type()) == safetensors_dtype(expected.scalar_type()));
    CHECK(at::equal(tensor, expected));
  }
}

TEST_CASE("safetensors: broken files are refused with a reason") {
  const TemporaryFolder folder;
  const std::string path = folder / "broken.safetensors";
  CHECK(error_of(path).find("NOT_FOUND") == 0);
  std::ofstream(path).close();
  CHECK(error_of(path).find("the file is empty") != std::string::npos);
  write_raw(path, "{not json", 0);
  CHECK(error_of(path).find("not JSON") != std::string::npos);
  write_raw(path, R"({"a":{"dtype":"F32","shape":[4],"data_offsets":[0,16]}})", 8);
  CHECK(error_of(path).find("truncated") != std::string::npos);
  write_raw(path, R"({"a":{"dtype":"F32","shape":[4],"data_offsets":[0,12]}})", 16);
  CHECK(error_of(path).find("do not fit its shape") != std::string::npos);
  write_raw(path, R"({"a":{"dtype":"F32","shape":[9223372036854775800,9223372036854775800],"data_offsets":[0,0]}})", 0);
  CHECK(error_of(path).find("INVALID_FILE") == 0);
  write_raw(path, R"({"a":{"dtype":"F4","shape":[4],"data_offsets":[0,16]}})", 16);
  CHECK(error_of(path).find("unknown dtype") != std::string::npos);
  write_raw(path,
            R"({"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"b":{"dtype":"U8","shape":[4],"data_offsets":[2,6]}})",
            8);
  CHECK(error_of(path).find("overlap") != std::string::npos);
}

TEST_CASE("safetensors: a failed write leaves the old file") {
  const TemporaryFolder folder;
  const std::string path = folder / "a.safetensors";
  write_safetensors(path, {{"x", at::ones({3})}}, {});
  // complex64 has no safetensors dtype: the write fails after the temporary file could have been opened
  CHECK_THROWS_AS(write_safetensors(path, {{"x", at::zeros({3}, at::kComplexFloat)}}, {}), Error);
  CHECK(at::equal(read_safetensors(path).first.front().second, at::ones({3})));
  CHECK_THROWS_AS(write_safetensors(folder / "missing/a.safetensors", {}, {}), Error);
}

TEST_CASE("safetensors: a disk that fills up half-way leaves the old file and no other") {
  const TemporaryFolder folder;
  const std::string path = folder / "a.safetensors";
  write_safetensors(path, {{"x", at::ones({3})}}, {});
  // A file-size limit stops the write half-way, as a full disk does.
  struct rlimit before {};
  ::getrlimit(RLIMIT_FSIZE, &before);
  auto* handler = std::signal(SIGXFSZ, SIG_IGN);
  const struct rlimit small {64 << 10, before.rlim_max};
  ::setrlimit(RLIMIT_FSIZE, &small);
  std::string code;
  try {
    write_safetensors(path, {{"x", at::ones({1 << 20})}}, {});
  } catch (const Error& error) {
    code = error.code();
  }
  ::setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);
  CHECK(code == "IO");
  CHECK(at::equal(read_safetensors(path).first.front().second, at::ones({3})));
  CHECK(std::distance(std::filesystem::directory_iterator(folder / ""), {}) == 1);
}

TEST_CASE("json: escapes, nesting and mistakes") {
  const JsonValue value = parse_json(R"({"a\u00e9\ud83d\ude00":[1, 2,[3]],"b":{"c":"\t"}})");
  CHECK(value.members[0].first == std::string("a\xC3\xA9\xF0\x9F\x98\x80"));
  CHECK(value.members[0].second.items[2].items[0].integer == 3);
  CHECK(value.find("b")->find("c")->text == "\t");
  for (const char* wrong : {"", "{", "{\"a\":}", "[1,]", "\"\\ud800\"", "{\"a\":1}x", "[[[[[[[[[[1]]]]]]]]]]", "-1", "1.5"}) {
    CHECK_THROWS(parse_json(wrong));
  }
}
