#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace densehybrid {

// The part of JSON that a safetensors header uses: objects, arrays, strings and whole numbers.
struct JsonValue {
  enum class Kind { object, array, string, integer };
  Kind kind = Kind::object;
  std::vector<std::pair<std::string, JsonValue>> members;  // object, in file order
  std::vector<JsonValue> items;                            // array
  std::string text;                                        // string
  int64_t integer = 0;                                     // integer, never negative

  const JsonValue* find(std::string_view key) const;
};

// Throws std::runtime_error with the position of the first mistake. Nesting is limited to 8 levels.
JsonValue parse_json(std::string_view text);

// `text` as a quoted JSON string.
std::string json_quote(std::string_view text);

}  // namespace densehybrid
