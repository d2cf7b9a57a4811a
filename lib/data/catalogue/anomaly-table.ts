import { IGNORE_LABEL, UNKNOWN_LABEL } from '../dataset.ts'
import { type LabelTable, makeLabelTable } from '../datasets/label-table.ts'

/**
 * The table of masks that tell anomalies from the rest: there are no classes, inlier pixels have label 0. The value 255
 * is ignored in all of them; others that are not named are refused.
 */
export function anomalyTable(
  name: string,
  values: { inlier: readonly number[]; anomaly: readonly number[]; ignore?: readonly number[] },
): LabelTable {
  const entries = [
    ...values.inlier.map((value) => [value, 0] as const),
    ...values.anomaly.map((value) => [value, UNKNOWN_LABEL] as const),
    ...(values.ignore ?? []).map((value) => [value, IGNORE_LABEL] as const),
  ]
  return makeLabelTable(name, [], entries, 'error')
}
