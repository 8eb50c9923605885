import { Here } from '../../accept-token/Here'

/** Stands in for the pages of your site. */
export default function Page() {
  return <Here />
}
